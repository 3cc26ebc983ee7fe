"""The command line and the HTTP API do the same: equal rows, equal audit, equal words when it is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from click.testing import CliRunner

from provisioning.admin import Admin
from provisioning.cli import main
from provisioning.cli.remote import can_do
from provisioning.cli.verbs import REQUESTS
from provisioning.roles import Role
from radiusd.storage.secrets import Sealer, make_key
from tests.provisioning.api.actions import ACTIONS, FILES, MEDIA, MISTAKES
from tests.provisioning.api.conftest import Api, Console, token_for

# Of a thousand moments, one has no digits behind its seconds.
MOMENT = r"\d{4}-\d\d-\d\dT(?!00:00:00[Z+])\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)"

pytestmark = pytest.mark.postgres

VOLATILE = re.compile(r"call_key$|_sealed$|_hash$|_sha256$|^changed_|^fees_from$|^id$|^last_|^quiet_since$")
MOMENTS = {
    "at",
    "by",
    "undone_by",
    "posted_at",
    "created_at",
    "revoked_at",
    "active_from",
    "until",
    "actor",
    "address",
}


@pytest.fixture
def typed(console: Console, tmp_path: Path, monkeypatch) -> Callable[[str], Any]:
    """Type a command on the console's database; it comes back with its error, if there is one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOLLWIRE_CONFIG", str(console.config))
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)

    def typed(line: str, *more: str) -> Any:
        words, *rest = line.split(" -- ")
        given = [*words.split(), *more, "--json", *(["--", *rest] if rest else [])]
        result = CliRunner().invoke(main, given)
        if result.exit_code:
            return json.loads(result.stderr.splitlines()[-1])["error"]
        return None

    return typed


@pytest.fixture
def operator(dsn: str, console: Console) -> Callable[[], Api]:
    """Make an operator's token on the database as it is now."""
    admin = Admin("tester", datetime.now(UTC), Sealer(make_key(console.key)))
    return lambda: Api(console.port, token_for(dsn, admin, Role.OPERATOR))


def begin_anew(dsn: str, reset: str) -> None:
    """Empty the database, and count ids from 1 again."""
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        txn.execute("SET LOCAL session_replication_role = replica")
        txn.execute(reset)
        txn.execute("SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'")
        for (name,) in txn.fetchall():
            txn.execute(f"ALTER SEQUENCE {name} RESTART")


def _timeless(text: str) -> str:
    """Return *text* without ids and moments but midnights, which somebody may have typed."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", text)
    return re.sub(MOMENT, "NOW", text)


def resolved(dsn: str, text: str) -> str:
    """Return *text* with the newest ids of what it names in braces."""
    for table in re.findall(r"{(\w+)}", text):
        with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
            txn.execute(f"SELECT id::text FROM {table} ORDER BY id DESC LIMIT 1")
            text = text.replace(f"{{{table}}}", txn.fetchone()[0])
    return text


def ask(api: Api, dsn: str, method: str, path: str, body: Any) -> Any:
    """Ask for what an action says."""
    media = next((each for start, each in MEDIA.items() if path.startswith(start) and body), None)
    headers = {"Content_Type": media} if media else {}
    return api(method, resolved(dsn, path), body, **headers)


def rows(dsn: str) -> dict[str, list[dict[str, Any]]]:
    """Return all that the catalogue's tables hold, without what the clock and dice have made."""
    found = {}
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as txn:
        txn.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p') AND NOT relispartition AND relname NOT IN"
            " ('schema_migration', 'catalogue_version', 'login_session', 'api_reply')"
        )
        for (table,) in txn.fetchall():
            txn.execute(f"SELECT to_jsonb(t)::text FROM {table} t")
            found[table] = sorted(
                (
                    {
                        name: value
                        for name, value in json.loads(_timeless(row)).items()
                        if not _is_volatile(name)
                    }
                    for (row,) in txn.fetchall()
                ),
                key=lambda row: json.dumps(row, sort_keys=True),
            )
    return found


def _is_volatile(name: str) -> bool:
    return name in MOMENTS or bool(VOLATILE.search(name))


def test_every_action_leaves_the_same_rows(dsn, reset, typed, operator, console):
    """
    Typed or asked for: services, money, numbers, people, and the audit of all of it.
    """
    begin_anew(dsn, reset)
    operator()
    for line, *_ in ACTIONS:
        assert None is typed(resolved(dsn, line)), line
    by_hand = rows(dsn)

    begin_anew(dsn, reset)
    api = operator()
    for _, method, path, body in ACTIONS:
        said = ask(api, dsn, method, path, body)
        assert said.status < 300, (path, said.text)
    asked = rows(dsn)

    assert by_hand.keys() == asked.keys()
    for table, expected in by_hand.items():
        assert expected == asked[table], table
    assert len(by_hand["audit"]) > len(ACTIONS)


def far(line: str) -> bool:
    """Tell whether what *line* says is done over --url."""
    words = line.split()
    return can_do(" ".join(words[:2]))


def test_what_is_typed_from_afar_leaves_the_same_rows(dsn, reset, typed, operator, console, monkeypatch):
    """
    Over the API, by a command line that has no database; what is not done so, on the machine itself.
    """
    begin_anew(dsn, reset)
    operator()
    for line, *_ in ACTIONS:
        assert None is typed(resolved(dsn, line)), line
    by_hand = rows(dsn)

    begin_anew(dsn, reset)
    monkeypatch.setenv("TOLLWIRE_TOKEN", operator().token)
    url = f"http://127.0.0.1:{console.port}"
    for line, *_ in ACTIONS:
        assert None is typed(resolved(dsn, line), *(("--url", url) if far(line) else ())), line

    assert by_hand == rows(dsn)
    assert sum(far(line) for line, *_ in ACTIONS) > 35
    for line, *_ in MISTAKES:
        if far(line):
            line = resolved(dsn, line)
            error, said = typed(line), typed(line, "--url", url)
            assert error is not None, line
            assert (error["code"], _timeless(error["message"])) == (said["code"], _timeless(said["message"]))


# Who looks is in the audit of neither; a layout is JSON in a cell here, and fields there.
DIFFERENT = ("audit list", "template list")


def test_lists_are_the_same_from_afar(dsn, reset, typed, operator, console, monkeypatch):
    """
    Of every noun: the same things with the same values.
    """
    begin_anew(dsn, reset)
    monkeypatch.setenv("TOLLWIRE_TOKEN", operator().token)
    for line, *_ in ACTIONS:
        typed(resolved(dsn, line))
    compared = 0
    for verb in REQUESTS:
        if not verb.endswith(" list") or not can_do(verb) or verb in DIFFERENT:
            continue
        here, there = (
            CliRunner().invoke(main, [*verb.split(), "--json", *more])
            for more in ((), ("--url", f"http://127.0.0.1:{console.port}"))
        )
        assert (0, 0) == (here.exit_code, there.exit_code), (verb, there.output)
        assert json.loads(here.stdout) == json.loads(there.stdout), verb
        compared += 1
    assert compared > 20


def test_a_token_goes_nowhere_in_the_clear(typed, operator, console, monkeypatch):
    """
    Nor does a wrong one get in; who does not answer is told.
    """
    monkeypatch.delenv("TOLLWIRE_TOKEN", raising=False)
    url = f"http://127.0.0.1:{console.port}"
    assert "needs a token" in typed("account list", "--url", url)["message"]
    monkeypatch.setenv("TOLLWIRE_TOKEN", "tollwire_guess")
    assert "refused" == typed("account list", "--url", url)["code"]
    assert "https only" in typed("account list", "--url", "http://192.0.2.1")["message"]
    assert "unreachable" == typed("account list", "--url", "http://127.0.0.1:9")["code"]
    assert "not done over --url" in typed("db months", "--url", url)["message"]


def test_every_mistake_is_told_in_the_same_words(dsn, reset, typed, operator):
    """
    And with the same code; nothing is changed by either.
    """
    begin_anew(dsn, reset)
    api = operator()
    for line, *_ in ACTIONS:
        typed(resolved(dsn, line))
    before = rows(dsn)
    for line, method, path, body in MISTAKES:
        error, said = typed(resolved(dsn, line)), ask(api, dsn, method, path, body)
        assert error is not None, line
        assert (error["code"], _timeless(error["message"])) == (
            said.json["code"],
            _timeless(said.json["detail"]),
        ), line
        assert 400 <= said.status < 500
    assert before == rows(dsn)
