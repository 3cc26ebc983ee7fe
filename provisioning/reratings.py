"""What rating calls again comes to, and who did it: preview, books, and the record by which it is undone."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from psycopg2.extensions import cursor as Cursor

from provisioning.admin import Action, Admin, Change, FieldChange, audit, shown
from provisioning.periods import EVERY_ACCOUNT, closed_until
from provisioning.roles import Actor, require_unbound
from radiusd.calls.rerating import Rerated, Result
from radiusd.calls.rows import Charge
from radiusd.errors import BadInput, Conflict, NotFound
from radiusd.storage.rerating import Scope

MICRO_DECIMALS = 6


class Difference(NamedTuple):
    """What rating again changes for one account, role and destination. Seconds are included ones."""

    account: str
    role: str
    destination: str
    calls: int
    before: Decimal
    after: Decimal
    difference: Decimal
    earned: Decimal
    included_before_s: int
    included_after_s: int
    currency: str


class KeptCalls(NamedTuple):
    """Calls that cannot be rated again, and why."""

    calls: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerating:
    """One time that calls were rated again."""

    id: str
    at: datetime
    actor: str
    scope: str
    calls: int
    undone_at: datetime | None
    undone_by: str | None


def checked_scope(scope: Scope) -> Scope:
    """Return *scope*. Raises BadInput when it means every call there is, or names no month."""
    if all(value is None for value in asdict(scope).values()):
        raise BadInput("say which calls: a month, an account, a moment, a prefix or a deck")
    if scope.version is not None and scope.deck is None:
        raise BadInput("version: say which deck's, with --deck")
    if scope.month is not None:
        try:
            datetime.fromisoformat(f"{scope.month}-01")
        except ValueError:
            raise BadInput(f"month: {scope.month[:20]!r} is no month; write 2026-10") from None
    return scope


def differences(results: Iterable[Rerated], accounts: dict[int, tuple[str, str]]) -> list[Difference]:
    """Return what changes, by account, role and destination; *accounts* are code and currency by id."""
    sums: dict[tuple[int, str, str], list[int]] = defaultdict(lambda: [0] * 6)
    for each in results:
        if each.result is Result.CHANGED and each.before is not None and each.after is not None:
            total = sums[each.wanted.account_id, each.wanted.role, each.destination]
            for index, value in enumerate(_amounts(each.before, each.after)):
                total[index] += value
    found = []
    for (account_id, role, destination), (calls, before, after, earned, old_s, new_s) in sums.items():
        code, currency = accounts.get(account_id, (str(account_id), ""))
        was, is_, earns = (Decimal(micros).scaleb(-MICRO_DECIMALS) for micros in (before, after, earned))
        found.append(
            Difference(
                account=code,
                role=role,
                destination=destination,
                calls=calls,
                before=was,
                after=is_,
                difference=is_ - was,
                earned=earns,
                included_before_s=old_s,
                included_after_s=new_s,
                currency=currency,
            )
        )
    return sorted(found, key=lambda each: (each.account, -abs(each.difference), each.destination))


def _amounts(before: Charge, after: Charge) -> Iterator[int]:
    yield 1
    yield before.total_micros
    yield after.total_micros
    yield after.outpayment_micros - before.outpayment_micros
    yield sum(before.buckets.values())
    yield sum(after.buckets.values())


def kept_calls(results: Iterable[Rerated]) -> list[KeptCalls]:
    """Return how many calls cannot be rated again, by reason."""
    counts: dict[str, int] = defaultdict(int)
    for each in results:
        if each.result is Result.KEPT:
            counts[each.reason] += 1
    return [KeptCalls(count, reason) for reason, count in sorted(counts.items(), key=lambda item: -item[1])]


def accounts_by_id(txn: Cursor) -> dict[int, tuple[str, str]]:
    """Return code and currency of every account."""
    txn.execute("SELECT id, code, currency FROM account")
    return {account_id: (code, currency) for account_id, code, currency in txn.fetchall()}


def refuse_closed(txn: Cursor, results: Sequence[Rerated]) -> None:
    """Raise Conflict when a call that would change is in a closed period."""
    closed = closed_until(txn)
    everybody = closed.get(EVERY_ACCOUNT)
    hit = []
    for each in results:
        limits = [at for at in (everybody, closed.get(each.wanted.account_id)) if at is not None]
        if each.result is Result.CHANGED and limits and each.wanted.started_at < max(limits):
            hit.append(max(limits))
    if hit:
        raise Conflict(
            f"{len(hit)} of the calls that would change are in a period that is closed until "
            f"{shown(max(hit))}; give --closed if they are to be rated again all the same"
        )


def begin_rerating(txn: Cursor, rerating_id: str, scope: Scope, admin: Admin) -> None:
    """Write down that calls are about to be rated again, and by whom."""
    said = {name: shown(value) for name, value in asdict(scope).items() if value is not None}
    txn.execute(
        "INSERT INTO rerating (id, at, actor, scope) VALUES (%s, %s, %s, %s)",
        (rerating_id, admin.now, admin.name, json.dumps(said)),
    )
    change = Change(Action.ADDED, "rerating", rerating_id, (FieldChange("scope", "", json.dumps(said)),))
    audit(txn, admin, [change])


def list_reratings(txn: Cursor, actor: Actor | None = None) -> list[Rerating]:
    """Return all reratings, newest first. Raises Forbidden when *actor* reaches only some accounts."""
    if actor is not None:
        require_unbound(actor, "reratings")
    txn.execute(
        "SELECT id::text, at, actor, scope::text,"
        " (SELECT count(*) FROM rerated WHERE rerating_id = rerating.id), undone_at, undone_by"
        " FROM rerating ORDER BY at DESC, id DESC"
    )
    return [
        Rerating(id=key, at=at, actor=actor, scope=scope, calls=calls, undone_at=undone_at, undone_by=by)
        for key, at, actor, scope, calls, undone_at, by in txn.fetchall()
    ]


def begin_undoing(txn: Cursor, rerating_id: UUID) -> None:
    """Raise NotFound when there is no such rerating, Conflict when it is undone."""
    txn.execute("SELECT undone_at FROM rerating WHERE id = %s", (str(rerating_id),))
    row = txn.fetchone()
    if row is None:
        raise NotFound(f"rerating {rerating_id} does not exist; 'tollwire rerate list' shows those that do")
    if row[0] is not None:
        raise Conflict(f"rerating {rerating_id} was undone on {shown(row[0])}")


def finish_undoing(txn: Cursor, rerating_id: UUID, admin: Admin) -> None:
    """Write down that a rerating is undone, and by whom."""
    txn.execute(
        "UPDATE rerating SET undone_at = %s, undone_by = %s WHERE id = %s",
        (admin.now, admin.name, str(rerating_id)),
    )
    change = Change(Action.REMOVED, "rerating", str(rerating_id), ())
    audit(txn, admin, [change])
