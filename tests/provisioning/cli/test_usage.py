"""``tollwire usage``: the feed of postings from the command line."""

import json

import pytest

pytestmark = pytest.mark.postgres


def test_each_posting_is_told_once(run, config):
    """
    From one cursor to the next, whichever the form.
    """
    run("account", "add", "ACME", "--currency", "USD")
    for amount in ("1", "2", "3"):
        assert 0 == run("balance", "add", "ACME", amount, "--note", f"no {amount}").exit_code

    first = json.loads(run("usage", "list", "--limit", "2", "--json").stdout)
    rest = json.loads(run("usage", "list", "--since", first["next"], "--json").stdout)
    assert ["no 1", "no 2", "no 3"] == [each["note"] for each in first["items"] + rest["items"]]
    assert "1.000000" == first["items"][0]["amount"]
    nothing = json.loads(run("usage", "list", "--since", rest["next"], "--json").stdout)
    assert ([], rest["next"]) == (nothing["items"], nothing["next"])

    lines = run("usage", "list")
    assert 4 == len(lines.stdout.splitlines())
    assert f"--since {rest['next']}" in lines.stderr
    wrong = run("usage", "list", "--since", "x")
    assert (4, True) == (wrong.exit_code, "cursor: it is none of this list" in wrong.stderr)
