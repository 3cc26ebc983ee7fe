"""Calls of nobody, given to an account by what they have in common."""

import json
from datetime import timedelta

import pytest

from provisioning.cli.errors import Exit

pytestmark = pytest.mark.postgres


@pytest.fixture
def waiting(switch, monkeypatch):
    """Three calls from one unknown trunk, one of them to where no rate leads; and one from another."""
    ids = []
    for number, (called, trunk) in enumerate(
        (("442071838750", "new"), ("99900", "new"), ("15550123", "new"), ("15550123", "other"))
    ):
        switch.now += timedelta(minutes=1)
        calling = f"7495000000{number}"
        call = switch.stop(f"c{number}", 60, calling=calling, called=called, trunk_in=trunk)
        ids.append(call.call_id)
    monkeypatch.setattr("provisioning.cli.queue.now", lambda: switch.now)
    monkeypatch.setattr("provisioning.cli.changing.now", lambda: switch.now)
    return ids


def documents(result):
    return json.loads(result.stdout)


def test_calls_of_one_trunk_are_assigned_and_mended(run, switch, waiting):
    """
    The trunk is the account's from the oldest of its calls on; what has no rate waits on, for that.
    """
    words = ("queue", "assign", waiting[2], "--account", "ACME", "--by", "trunk", "--plan", "P")
    told = run(*words, "--dry-run", "--json")
    assert Exit.DIFFERS == told.exit_code, told.output
    preview = documents(told)
    assert (3, 2, {"no_rate": 1}) == (preview["calls"], preview["mended"], preview["waits"])
    assert "trunk new on sbc" == preview["service"]
    assert 4 == len(documents(run("queue", "list", "--json")))

    done = run(*words)
    assert Exit.DIFFERS == done.exit_code
    assert "+ trunk new on sbc" in done.stdout
    assert "2 of 3 calls are mended." in done.output
    rows = documents(run("queue", "list", "--json"))
    left = {row["call_id"]: (row["reason"], row["account"]) for row in rows}
    assert {waiting[1]: ("no_rate", "ACME"), waiting[3]: ("unknown_caller", None)} == left
    (trunk,) = [each for each in documents(run("trunk", "list", "--json")) if each["trunk"] == "new"]
    assert preview["activated"] == trunk["activated"]
    assert Exit.OK == run("books", "check").exit_code


def test_a_service_that_began_too_late_begins_earlier(run, switch, waiting):
    """
    Its plan is known; nobody has to say it again.
    """
    words = ("trunk", "add", "new", "--account", "ACME", "--plan", "P", "--activated", "2026-06-01")
    assert Exit.OK == run(*words).exit_code
    done = run("queue", "assign", waiting[0], "--account", "ACME", "--by", "trunk")

    assert "~ trunk new: activated 2026-06-01T00:00:00Z -> " in done.stdout
    assert "2 of 3 calls are mended." in done.output
    assert Exit.OK == run("books", "check").exit_code


def test_the_called_number_may_be_what_an_account_owns(run, switch, waiting):
    """
    A call to its DID is its own, coming in.
    """
    done = run("queue", "assign", waiting[3], "--account", "ACME", "--by", "called", "--plan", "P")

    assert "+ did 15550123" in done.stdout
    assert "2 of 2 calls are mended." in done.output
    roles = {row["role"] for row in documents(run("cdr", "list", "--json")) if row["account"] == "ACME"}
    assert {"in"} == roles


def test_a_preview_tells_why_it_mends_nothing(run, switch, waiting):
    """
    A client that may not assert numbers makes none of a calling number.
    """
    assert Exit.OK == run("client", "set", "sbc", "--no-asserts-numbers").exit_code
    words = ("--account", "ACME", "--by", "calling", "--plan", "P", "--dry-run", "--json")
    preview = documents(run("queue", "assign", waiting[3], *words))

    assert (1, 0, {"unknown_caller": 1}) == (preview["calls"], preview["mended"], preview["waits"])
    assert "number: 74950000003: not used: the client may not assert numbers" in preview["tries"]
    assert [] == [each for each in documents(run("did", "list", "--json")) if each["number"] == "74950000003"]


@pytest.mark.parametrize(
    ("words", "told", "code"),
    [
        ("--account NOPE --by trunk --plan P", "account NOPE does not exist", Exit.NOT_FOUND),
        ("--account ACME --by trunk --plan Q", "plan Q does not exist", Exit.NOT_FOUND),
        ("--account ACME --by trunk", "plan: say how the calls are priced", Exit.CONFLICT),
        ("--account ACME --by ip --plan P", "by: 'ip' is none of trunk, calling", Exit.CONFLICT),
    ],
)
def test_what_is_wrong_with_an_assignment_is_told(run, switch, waiting, words, told, code):
    """
    And nothing is changed, previewed or not.
    """
    for more in ((), ("--dry-run",)):
        result = run("queue", "assign", waiting[0], *words.split(), *more)
        assert (code, True) == (result.exit_code, told in result.stderr), result.stderr
    assert 4 == len(documents(run("queue", "list", "--json")))


def test_a_call_that_somebody_pays_for_is_not_assigned(run, switch, waiting):
    """
    Nor one that is not there.
    """
    run("queue", "assign", waiting[1], "--account", "ACME", "--by", "trunk", "--plan", "P")
    for call in (waiting[0], waiting[1], "019ae5d2-7c1e-7b1a-a3a4-2f6c9f0d1e55"):
        result = run("queue", "assign", call, "--account", "ACME", "--by", "trunk", "--plan", "P")
        assert Exit.NOT_FOUND == result.exit_code
        assert "does not wait for somebody who pays" in result.stderr
