"""The reference pages, compared with what the code says: nothing is missing, nothing is invented."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from radiusd.calls.sessions import TRANSITIONS
from radiusd.dialects import replies
from radiusd.dialects.client_settings import SETTINGS
from radiusd.dialects.client_settings import read_settings as read_client_settings
from radiusd.dialects.dictionary import definitions
from radiusd.errors import Refusal
from radiusd.radius.discards import Reason
from radiusd.settings import Settings, read_settings
from radiusd.storage.books_check import CHECKS, RECOMPUTED
from radiusd.storage.migrations import LEDGER, SCHEMA
from tests.docs.pages import DOCS, ROOT, code, column, tables

REFERENCE = DOCS / "reference"
SERVER_CODE = sorted((ROOT / "radiusd").rglob("*.py"))
LEVELS = {"debug", "info", "warning", "error", "exception"}


def settings_of(struct: type[msgspec.Struct], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every setting with its default; ``None`` is one that must be given."""
    for field in msgspec.structs.fields(struct):
        inner = _struct_in(field.type)
        if inner is not None:
            yield from settings_of(inner, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, None if field.required else field.default


def _struct_in(kind: Any) -> type[msgspec.Struct] | None:
    for one in (kind, *getattr(kind, "__args__", ())):
        if isinstance(one, type) and issubclass(one, msgspec.Struct):
            return one
    return None


def test_every_setting_has_its_line_with_its_default() -> None:
    """
    The page of the configuration names all settings, and the defaults that the code has.
    """
    page = "reference/configuration.md"
    written = dict(zip(map(code, column(page, "Setting")), column(page, "Default"), strict=True))
    known = dict(settings_of(Settings))

    assert known.keys() == written.keys()
    for name, default in known.items():
        cell = written[name]
        default = list(default) if isinstance(default, tuple) else default
        assert default == (None if cell == "needed" else tomllib.loads(f"x = {code(cell)}")["x"]), name


def test_every_example_of_a_setting_is_another_value_that_is_taken(tmp_path: Path) -> None:
    """
    What stands in the last column is no default, and the server starts with it.
    """
    page = "reference/configuration.md"
    known = dict(settings_of(Settings))
    for name, cell in zip(map(code, column(page, "Setting")), column(page, "Another value"), strict=True):
        value = tomllib.loads(f"x = {code(cell)}")["x"]
        *section, key = name.split(".")
        data: dict[str, Any] = {"database": {} if "database" in name else {"directory": "db"}}
        if section == ["listeners"]:
            data["listeners"] = [{"kind": "auth", key: value}]
        elif section == ["collectors"]:
            usual = {"source": "a", "folder": "/srv", "connect": "pbx:1", "password_file": "x"}
            data["collectors"] = [{**usual, key: value}]
        elif section[:1] == ["exports"]:
            schedule = {"every": "month", "folder": "/srv"} if key in ("every", "folder") else {}
            inner = {"tap": {key: value}} if len(section) > 1 else {key: value}
            data["exports"] = [{"name": "a", **schedule, **inner}]
        elif section:
            data.setdefault(section[0], {})[key] = value
        else:
            data[key] = value
        if name == "database.deadline_s":
            data["database"]["directory"] = "db"

        assert value != known[name], name
        read_settings(_write(tmp_path / "tollwire.toml", data), {})


def _write(path: Path, data: dict[str, Any]) -> Path:
    lines = [f"{key} = {_toml(value)}" for key, value in data.items() if not isinstance(value, dict | list)]
    for key, value in data.items():
        if isinstance(value, dict | list):
            lines.append(f"[{key}]" if isinstance(value, dict) else f"[[{key}]]")
            fields = value if isinstance(value, dict) else value[0]
            lines += [f"{name} = {_toml(inner)}" for name, inner in fields.items()]
    path.write_text("\n".join(lines))
    return path


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(inner)}" for name, inner in value.items()) + "}"
    return json.dumps(value)


def test_every_client_setting_has_its_line_with_an_example_that_is_taken() -> None:
    """
    The page names what a client's settings may hold, and its examples mean something.
    """
    page = "reference/client-settings.md"
    names = [code(cell) for cell in column(page, "Setting")]

    assert sorted(SETTINGS) == sorted(names)
    for name, cell in zip(names, column(page, "Another value"), strict=True):
        meaning, problems = read_client_settings({name: code(cell).strip('"')}, definitions("cisco"))
        assert [] == problems
        assert meaning != read_client_settings({}, definitions("cisco"))[0], name


def test_every_refusal_is_told_with_what_the_switch_is_sent() -> None:
    """
    Words, SIP codes, return codes and texts are those of the code.
    """
    page = "reference/refusals.md"
    profiles = ("cisco", *replies.OTHER_CODES)
    titles = ("Word", "SIP code", *(f"`{profile}`" for profile in profiles), "Text")
    rows = zip(*(column(page, title) for title in titles), strict=True)

    known = [
        (
            f"`{one.word}`",
            str(one.sip_code),
            *(str(replies.return_code(one, replies.Profile(table=profile))) for profile in profiles),
            one.text,
        )
        for one in Refusal
    ]

    assert known == list(rows)


def test_every_refusal_says_what_to_do() -> None:
    """
    A word that nobody can act on is none.
    """
    assert all(len(cell) > 20 for cell in column("reference/refusals.md", "What to do"))


def logged() -> dict[str, set[str]]:
    """Return the events that the server's code logs, with their fields."""
    found: dict[str, set[str]] = {}
    for path in SERVER_CODE:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_log(node.func):
                event = node.args[0]
                assert isinstance(event, ast.Constant), f"{path}:{node.lineno}: an event is plain words"
                found.setdefault(str(event.value), set()).update(str(field.arg) for field in node.keywords)
    return found


def _is_log(called: ast.Attribute) -> bool:
    owner = called.value
    name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    return called.attr in LEVELS and name in ("log", "_log", "logger")


def test_every_log_event_has_its_line_with_its_fields() -> None:
    """
    The page tells of all events that the server logs, and of no other.
    """
    rows = tables(REFERENCE / "log-events.md")[0][1:]
    told = [(re.findall(r"`([^`]+)`", row[0]), set(re.findall(r"`(\w+)`", row[2]))) for row in rows]
    known = logged()

    assert known.keys() == {name for names, _ in told for name in names}
    for names, fields in told:
        if len(names) == 1:  # faults of ours share a line
            assert known[names[0]] == fields, names[0]


def test_every_reason_of_a_discarded_packet_is_told() -> None:
    """
    What stands in ``reason`` can be looked up.
    """
    told = re.findall(r"`(\w+)`", " ".join(column("reference/log-events.md", "Reason")))

    assert {reason.value for reason in Reason} == set(told)


def test_every_table_of_the_database_is_told() -> None:
    """
    The page of the books names the tables that the migrations make, partitions apart.
    """
    sql = LEDGER + "".join(path.read_text() for path in SCHEMA.glob("*.sql"))
    made = set(re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+) \(", sql))

    assert made == {code(cell) for cell in column("reference/books.md", "Table")}


def test_every_check_of_the_books_is_told() -> None:
    """
    What ``books check`` prints can be looked up.
    """
    assert [*CHECKS, RECOMPUTED] == [code(cell) for cell in column("reference/books.md", "Check")]


def test_the_states_of_a_call_are_those_of_the_code() -> None:
    """
    The table of transitions on the page is the literal one.
    """
    page = "explanation/life-of-a-call.md"
    rows = zip(*(column(page, title) for title in ("From", "Step", "To")), strict=True)
    known = [(state.value, step.value, after.value) for (state, step), after in TRANSITIONS.items()]

    assert sorted(known) == sorted(tuple(map(code, row)) for row in rows)


@pytest.mark.parametrize(
    "word", ["lease_over", "grant_over", "too_long", "silent", "admin", "setup_ttl", "cut_off", "gone"]
)
def test_ways_to_close_a_call_are_words_of_the_code(word: str) -> None:
    """
    What the page says under "closed by us" is what the code writes.
    """
    assert f"`{word}`" in (DOCS / "explanation/life-of-a-call.md").read_text()
    assert any(f'"{word}"' in path.read_text() for path in [*SERVER_CODE])
