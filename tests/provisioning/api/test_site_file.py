"""The site file over the API: what comes out goes in without a change; nothing of the machine is read."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.postgres

TOML = "application/toml"
DID = {"number": "15125550100", "account": "ACME", "plan": "retail", "activated": "2026-11-01"}


def apply(api, text, query="", code=200, **headers):
    """Apply a site file."""
    return api("POST", f"/site{query}", text, code, Content_Type=TOML, **headers).json


def test_what_is_exported_changes_nothing(api):
    """
    On the same database, with prune too.
    """
    api("POST", "/dids", DID, 201)
    said = api("GET", "/site", code=200)
    assert (TOML, 'attachment; filename="site.toml"') == (
        said.headers["content-type"],
        said.headers["content-disposition"],
    )
    text = said.text.decode()
    assert 'code = "ACME"' in text

    assert {"dry_run": False, "changes": []} == apply(api, text, "?prune=true")


def test_a_dry_run_says_what_prune_would_end(api):
    """
    And ends nothing; without prune what is not named is left alone.
    """
    api("POST", "/dids", DID, 201)
    text = '[[account]]\ncode = "NEW"\ncurrency = "USD"\n'

    (added,) = apply(api, text, "?dry_run=true")["changes"]
    assert ("added", "account", "NEW") == (added["action"], added["noun"], added["key"])
    assert {"name": "currency", "before": "", "after": "USD"} in added["fields"]
    for query in ("?dry_run=true&prune=true", "?prune=true"):
        api("GET", "/accounts/NEW", code=404)
        both = apply(api, text, query)["changes"]
        assert [("added", "account"), ("ended", "did")] == [(each["action"], each["noun"]) for each in both]
    assert [] == apply(api, text, "?prune=true")["changes"]


def test_a_request_that_is_sent_again_is_done_once(api):
    """
    With its key, the answer is the first one.
    """
    text = '[[account]]\ncode = "NEW"\ncurrency = "USD"\n'
    first = apply(api, text, Idempotency_Key="k1")

    assert 1 == len(first["changes"])
    assert first == apply(api, text, Idempotency_Key="k1")
    assert [] == apply(api, text)["changes"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[account", "site.toml:1: not TOML"),
        ('[[account]]\ncode = "A"\n', "site.toml:1: currency: it is missing"),
        ("\n[[moon]]\n", "moon: there is no such table"),
        (
            '[[client]]\nname = "a"\nnetworks = ["192.0.2.1"]\nsecret_file = "/etc/passwd"\n',
            "site.toml:4: secret_file: no file can be named in what is sent; write secret",
        ),
        (
            '[[deck]]\nname = "d"\ncurrency = "USD"\nfile = "/etc/passwd"\n',
            "site.toml:4: file: no file can be named in what is sent; write rates",
        ),
    ],
    ids=["toml", "missing", "table", "secret", "rates"],
)
def test_what_is_wrong_is_told_with_its_line(api, text, told):
    """
    All or nothing; and no file of the server's machine is read.
    """
    said = apply(api, text, "?file=site.toml", code=422)

    assert told in said["detail"]
