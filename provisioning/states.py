"""In which state the numbers of an NPA or NPA-NXX are: what makes a call interstate or intrastate."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from provisioning.admin import Action, Admin, Change, FieldChange, record
from radiusd.errors import BadInput

_CODE = re.compile(r"[2-9][0-9]{2}([0-9]{3})?", re.ASCII)
_STATE = re.compile(r"[A-Za-z]{2}", re.ASCII)
_MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberState:
    """The *state* of the numbers that begin with *code*: three digits of an NPA, or six of an NPA-NXX."""

    code: str
    state: str


def import_states(txn: Cursor, path: Path, admin: Admin, called: str = "") -> Change:
    """
    Make the table be what the CSV file *path* says, in columns ``code`` and ``state``.

    *called* is what messages call it where that is not its path.

    Raises:
        BadInput: What is wrong with its lines; nothing was changed.
    """
    called = called or str(path)
    wanted = _read_file(path, called)
    before = {row.code: row.state for row in list_states(txn)}
    if before == wanted:
        return Change(Action.UNCHANGED, "state", called)
    txn.execute("DELETE FROM number_state")
    insert = "INSERT INTO number_state (code, state) VALUES %s"
    execute_values(txn, insert, list(wanted.items()), page_size=5000)
    counts = FieldChange("codes", str(len(before)), str(len(wanted)))
    change = Change(Action.CHANGED, "state", called, (counts,))
    record(txn, admin, [change])
    return change


def list_states(txn: Cursor, state: str | None = None) -> list[NumberState]:
    """Return the codes, of one *state* or of all."""
    txn.execute(
        "SELECT code, state FROM number_state WHERE %(state)s::text IS NULL OR state = %(state)s"
        " ORDER BY code",
        {"state": state},
    )
    return [NumberState(code=code, state=found) for code, found in txn.fetchall()]


def _read_file(path: Path, called: str) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{called}: cannot be read as UTF-8: {error}") from error
    rows = csv.reader(text.splitlines())
    header = [name.strip().lower() for name in next(rows, [])]
    if not {"code", "state"} <= set(header):
        raise BadInput(f"{called}:1: the first line must name the columns code and state")
    found: dict[str, str] = {}
    problems = list(_wrong(called, header, rows, found))
    if problems:
        raise BadInput("\n".join(problems[:_MOST_PROBLEMS]) + "\nNothing was imported.")
    return found


def _wrong(path: str, header: list[str], rows: Iterable[list[str]], found: dict[str, str]) -> Iterable[str]:
    """Yield what is wrong with each row; put the good ones into *found*."""
    for line, cells in enumerate(rows, 2):
        if not any(cells):
            continue
        row = dict(zip(header, map(str.strip, cells), strict=False))
        code, state = row.get("code", "").replace("-", ""), row.get("state", "")
        if not _CODE.fullmatch(code):
            yield f"{path}:{line}: code: {code[:20]!r} is neither an NPA like 512 nor an NPA-NXX like 512555"
        elif not _STATE.fullmatch(state):
            yield f"{path}:{line}: state: {state[:20]!r} is not two letters like TX"
        elif found.setdefault(code, state.upper()) != state.upper():
            yield f"{path}:{line}: code: {code} is in {found[code]} on an earlier line"
