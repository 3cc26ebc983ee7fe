"""``tollwire user``, ``token`` and ``audit``: what is typed arrives; secrets are shown once."""

import json

import pytest

from provisioning.tokens import PREFIX

pytestmark = pytest.mark.postgres


@pytest.fixture
def cli(run, config):
    """Run ``tollwire WORDS --json`` and return what it prints."""

    def cli(line: str, code: int = 0):
        result = run(*line.split(), "--json")
        assert code == result.exit_code, result.output
        return json.loads(result.stderr)["error"] if code else json.loads(result.stdout)

    return cli


def test_a_user_is_added_changed_and_shown(cli):
    """
    A generated password is shown this once, and nowhere else.
    """
    cli("account add ACME --currency USD")
    added = cli("user add bob --role customer --account ACME --email bob@example.com --generate")
    assert 20 < len(added["secret"])
    assert {"status": ["active", "suspended"]} == cli("user set bob --status suspended")["fields"]

    assert [cli("user show bob")] == cli("user list")
    assert ("bob", "customer", "ACME", "suspended") == tuple(
        cli("user show bob")[name] for name in ("name", "role", "account", "status")
    )
    assert "conflict" == cli("user add bob --role support", code=4)["code"]
    assert "unchanged" == cli("user no-second-factor bob")["action"]


def test_a_token_is_shown_once(cli):
    """
    Lists have its name, its scopes and its use.
    """
    cli("user add ann --role billing")
    secret = cli("token add invoicing --user ann --scope usage:read --expires 2999-01-01")["secret"]

    assert secret.startswith(PREFIX)
    (token,) = cli("token list")
    assert ("invoicing", ["usage:read"], "2999-01-01T00:00:00Z", None) == tuple(
        token[name] for name in ("name", "scopes", "expires", "last_used")
    )
    cli("token revoke ann invoicing")
    assert [] == cli("token list")
    assert 1 == len(cli("token list --all"))
    assert "not_found" == cli("token revoke ann invoicing", code=3)["code"]
    assert "scopes: 'x' is none" in cli("token add t --user ann --scope x", code=4)["message"]


def test_the_audit_tells_who_sat_at_the_keyboard(cli, monkeypatch):
    """
    Newest first; narrowed by noun, key and who.
    """
    monkeypatch.setenv("SUDO_USER", "carol")
    cli("account add ACME --currency USD")
    cli("account set ACME --status suspended")

    entries = cli("audit list --noun account --key ACME")
    assert ["changed", "added"] == [entry["action"] for entry in entries]
    assert {"carol (command line)"} == {entry["actor"] for entry in entries}
    assert {"status": ["active", "suspended"]} == entries[0]["fields"]
    assert [] == cli("audit list --actor nobody")
    assert 1 == len(cli("audit list --limit 1"))
