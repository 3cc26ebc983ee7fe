"""
A second, slower, simpler bookkeeper. It shares no code with the product.

It knows what the carrier sells (plain values), which calls there really were, and what was acknowledged;
it reads the product's rows with SQL of its own, and says what does not fit.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any

import psycopg2
from psycopg2.extras import RealDictCursor

Rows = list[dict[str, Any]]
TABLES = ("balance", "channel", "bucket", "session", "call", "cdr", "posting", "queue")
REAL = ("answered", "failed", "unrated", "unmatched")  # records of calls; others are of attempts alone
STEP = Fraction(1, 10_000)  # charges are rounded to it


@dataclass
class TrueCall:
    """A call that really was. *mark* is in its calling or its called number, and in no other call's."""

    mark: str
    trunk: str
    calling: str
    called: str
    lasted_s: int = 0  # 0: nobody answered
    counts_itself: bool = True  # its switch tells durations
    asked: bool = False
    accepted: bool = False
    clock_right: bool = True  # that of its switch
    cut_by_reboot: bool = False
    acked: set[str] = field(default_factory=set)  # kinds of acknowledged reports of the leg that decides


class Auditor:
    """Checks rows against calls."""

    def __init__(
        self,
        accounts: dict[int, dict[str, Any]],
        services: dict[int, dict[str, Any]],
        rates: tuple[dict[str, Any], ...],
        buckets: dict[int, dict[str, Any]],
    ) -> None:
        self.accounts, self.services, self.rates, self.buckets = accounts, services, rates, buckets

    def during(self, dsn: str) -> list[str]:
        """Return what does not fit at any moment, calls open or not."""
        found = _read(dsn)
        wrong = self._sums(found)
        wrong += self._channels(found)
        return wrong + self._prices(found)

    def at_the_end(self, dsn: str, calls: list[TrueCall]) -> list[str]:
        """Return what does not fit once every call is over and everything has been told."""
        found = _read(dsn)
        wrong = [f"still open: {session['call_id']}" for session in found["session"]]
        for row in found["balance"]:
            if row["held_micros"] or row["channels"]:
                wrong.append(
                    f"account {row['account_id']} holds {row['held_micros']}, {row['channels']} channels"
                )
        records = defaultdict(list)
        for cdr in found["cdr"]:
            records[_mark(cdr, calls)].append(cdr)
        for call in calls:
            wrong += [f"call {call.mark}: {what}" for what in self._call(call, records[call.mark])]
        wrong += [f"a record of no call: {cdr['calling']} to {cdr['called']}" for cdr in records[""]]
        return wrong + self._overdraft(found, calls)

    def _sums(self, found: dict[str, Rows]) -> list[str]:
        wrong = []
        posted: Counter[int] = Counter()
        drawn: Counter[str] = Counter()
        for line in found["posting"]:
            posted[line["account_id"]] += line["amount_micros"]
            if line["bucket_id"]:
                drawn[line["bucket_id"]] += line["seconds"]
        money, held = Counter[int](), Counter[str]()
        for session in found["session"]:
            money[session["account_id"]] += session["held_micros"]
            held.update(session["held_buckets"])
        for row in found["balance"]:
            account_id = row["account_id"]
            if row["balance_micros"] != posted[account_id]:
                wrong.append(f"account {account_id}: {row['balance_micros']} is not {posted[account_id]}")
            if row["held_micros"] != money[account_id]:
                wrong.append(f"account {account_id}: holds {row['held_micros']}, not {money[account_id]}")
        for row in found["bucket"]:
            bucket_id = row["bucket_id"]
            if (row["used_s"], row["held_s"]) != (drawn[bucket_id], held[bucket_id]):
                wrong.append(f"bucket {bucket_id}: {row}, not {drawn[bucket_id]} and {held[bucket_id]}")
            if row["used_s"] < 0 or row["used_s"] + row["held_s"] > self._included(row):
                wrong.append(f"bucket {bucket_id}: more than included: {row}")
        return wrong

    def _included(self, bucket: dict[str, Any]) -> int:
        return int(self.buckets[self.services[bucket["service_id"]]["plan"]]["included_s"])

    def _channels(self, found: dict[str, Rows]) -> list[str]:
        """A counter is the count of sessions; those that were admitted are never more than the limit."""
        wrong = []
        of_service, of_account = Counter[int](), Counter[int]()
        admitted, admitted_account = Counter[int](), Counter[int]()
        for session in found["session"]:
            if session["role"] == "none":
                continue
            of_account[session["account_id"]] += 1
            of_service[session["channel_service_id"]] += 1
            if not session["over_limit"]:
                admitted_account[session["account_id"]] += 1
                admitted[session["channel_service_id"]] += 1
        for row in found["channel"]:
            if row["used"] != of_service[row["service_id"]]:
                wrong.append(f"trunk {row['service_id']}: {row['used']}, not {of_service[row['service_id']]}")
        for row in found["balance"]:
            if row["channels"] != of_account[row["account_id"]]:
                wrong.append(f"account {row['account_id']}: channels {row['channels']}")
        for number, service in self.services.items():
            most = service.get("max_channels")
            if most is not None and admitted[number] > most:
                wrong.append(f"trunk {number}: {admitted[number]} calls admitted, at most {most} may be")
        for number, account in self.accounts.items():
            most = account["max_channels"]
            if most is not None and admitted_account[number] > most:
                wrong.append(
                    f"account {number}: {admitted_account[number]} calls admitted, at most {most} may be"
                )
        return wrong

    def _prices(self, found: dict[str, Rows]) -> list[str]:
        """Every record costs what we say, given the included seconds it drew, and is posted once."""
        wrong = []
        charged, earned, drawn = (
            Counter[tuple[Any, ...]](),
            Counter[tuple[Any, ...]](),
            Counter[tuple[Any, ...]](),
        )
        for line in found["posting"]:
            if line["call_id"] is None:
                continue
            key = (line["account_id"], line["call_id"], line["role"])
            charged[key] -= line["amount_micros"]
            drawn[key] += line["seconds"]
        for cdr in found["cdr"]:
            key = (cdr["account_id"], cdr["call_id"], cdr["role"])
            seconds = math.ceil(Fraction(cdr["duration_ms"], 1000))
            price = self._price(cdr, seconds, drawn[key]) if cdr["status"] == "answered" else Fraction(0)
            earned[key] = self._earned(cdr, seconds) if cdr["status"] == "answered" else 0
            if Fraction(cdr["total_micros"], 1_000_000) != price:
                wrong.append(f"call {cdr['called']}: {cdr['total_micros']} micros, not {price} for {cdr}")
            if charged.pop(key, 0) != cdr["total_micros"] - earned[key]:
                wrong.append(f"call {cdr['called']}: what is posted is not {cdr['total_micros']}")
            if cdr["included_s"] != drawn[key]:
                wrong.append(
                    f"call {cdr['called']}: drew {drawn[key]} s, its record says {cdr['included_s']}"
                )
        return wrong + [
            f"posted without a record: {key} {amount}" for key, amount in charged.items() if amount
        ]

    def _price(self, cdr: dict[str, Any], seconds: int, included_s: int) -> Fraction:
        if cdr["role"] != "out":
            return Fraction(0)
        rate = max(
            (rate for rate in self.rates if cdr["called"].startswith(rate["prefix"])),
            key=lambda rate: len(rate["prefix"]),
        )
        billed_s = rate["initial"]
        while billed_s < seconds:
            billed_s += rate["increment"]
        if not 0 <= included_s <= billed_s:
            return Fraction(-1)
        exact = Fraction(rate["price"]) * (billed_s - included_s) / 60 + Fraction(rate["fee"])
        on_top = Fraction(self.services[cdr["service_id"]].get("on_top", 0)) * seconds / 60
        return _half_up(exact) + _half_up(on_top)

    def _earned(self, cdr: dict[str, Any], seconds: int) -> int:
        if cdr["role"] != "in":
            return 0
        exact = Fraction(self.services[cdr["service_id"]].get("earns", 0)) * seconds / 60
        return math.floor(exact / STEP) * 100

    def _call(self, call: TrueCall, records: Rows) -> list[str]:
        """Each call that was told of is on record once for each payer, with its true time."""
        real = [cdr for cdr in records if cdr["status"] in REAL]
        real = [cdr for cdr in real if not _only_asked(cdr)] or real
        roles = Counter(cdr["role"] for cdr in real)
        wrong = [f"{count} records as {role}: {_short(real)}" for role, count in roles.items() if count > 1]
        if not call.acked:
            return wrong
        expected = self._roles(call)
        if set(roles) != expected:
            return [*wrong, f"is on record for {sorted(roles)}, not {sorted(expected)}: {_short(records)}"]
        for cdr in real:
            wrong += _time(call, cdr)
        return wrong

    def _roles(self, call: TrueCall) -> set[str]:
        # These switches assert no numbers: who calls is known by the trunk alone.
        roles = {"out"} if any(service["name"] == call.trunk for service in self.services.values()) else set()
        if any(
            service["name"] == call.called and service["kind"] != "trunk"
            for service in self.services.values()
        ):
            roles.add("in")
        return roles or {"none"}

    def _overdraft(self, found: dict[str, Rows], calls: list[TrueCall]) -> list[str]:
        """
        A prepaid account whose calls all asked, were granted and ended in time owes nothing.

        Where a clock is wrong, a call may be of another month than its grant: then money pays for it.
        """
        wrong = []
        for row in found["balance"]:
            account = self.accounts.get(row["account_id"])
            if account is None or account["credit"] is None or row["balance_micros"] >= -account["credit"]:
                continue
            trunks = {each["name"] for each in self.services.values() if each["account"] == row["account_id"]}
            paid_ahead = (
                call.accepted and call.clock_right for call in calls if call.trunk in trunks and call.acked
            )
            if all(paid_ahead):
                wrong.append(f"account {row['account_id']} owes {-row['balance_micros']}")
        return wrong


def _time(call: TrueCall, cdr: dict[str, Any]) -> list[str]:
    told_end = "stop" in call.acked
    if not told_end and "closed_by_us" in cdr["flags"]:
        return []  # else its Stop is known though its switch was never told so
    if not call.counts_itself and "start" not in call.acked and cdr["reason"] == "no_duration":
        return []  # it waits for an admin
    if cdr["duration_ms"] != call.lasted_s * 1000:
        return [f"lasted {call.lasted_s} s: {_short([cdr])}"]
    return []


def _only_asked(cdr: dict[str, Any]) -> bool:
    """Tell whether nothing but an attempt was heard of, a late copy perhaps, when the switch booted."""
    return "closed_by_us" in cdr["flags"] and not cdr["duration_ms"] and cdr["connect_at"] is None


def _half_up(exact: Fraction) -> Fraction:
    return math.floor(exact / STEP + Fraction(1, 2)) * STEP


def _mark(cdr: dict[str, Any], calls: list[TrueCall]) -> str:
    return next(
        (call.mark for call in calls if call.mark in cdr["calling"] or call.mark in cdr["called"]), ""
    )


def _short(records: Rows) -> list[tuple[Any, ...]]:
    names = ("role", "status", "reason", "duration_ms", "started_at")
    return [tuple(_plain(cdr[name]) for name in names) for cdr in records]


def _plain(value: Any) -> Any:
    return f"{value:%d %H:%M:%S}" if isinstance(value, datetime) else value


def _read(dsn: str) -> dict[str, Rows]:
    """Return all rows at one instant."""
    with (
        closing(psycopg2.connect(dsn)) as connection,
        connection.cursor(cursor_factory=RealDictCursor) as txn,
    ):
        txn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        found = {}
        for table in TABLES:
            txn.execute(f"SELECT * FROM {table}")
            found[table] = [dict(row) for row in txn.fetchall()]
        return found
