"""What a client's own packets say is wrong with it, and what to change on the device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from psycopg2.extensions import cursor as Cursor

from provisioning.clients import Client, client_id_of, read_client
from provisioning.device_settings import device_setting
from radiusd.radius.discards import Reason
from radiusd.storage.habits import calls_closed_by_us, habits_of

ENOUGH = 5
"""So many samples must have come before "never" is said of anything."""

SECRET_REASONS = (Reason.BAD_REQUEST_AUTHENTICATOR, Reason.BAD_MESSAGE_AUTHENTICATOR)
OURS = (Reason.NOT_ANSWERED, Reason.UNHEALTHY, Reason.HANDLER_FAILED)
UNSIGNED = (Reason.MESSAGE_AUTHENTICATOR_REQUIRED, Reason.PROXY_STATE_WITHOUT_MESSAGE_AUTHENTICATOR)
STOP_ONLY = frozenset({"asterisk", "broadworks"})
"""Dialects of senders that have no Starts to send."""

PLAIN_NUMBERS = frozenset({"rfc2866", "cisco", "kamailio", "opensips", "sippy", "gnugk"})
"""Dialects that find the numbers of a call in Calling- and Called-Station-Id."""


class State(StrEnum):
    """How a check came out."""

    OK = "ok"
    HINT = "hint"  # it works, and could work better
    WARN = "warn"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: how it came out, what was seen, and what to do."""

    check: str
    state: State
    seen: str
    do: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """
    What is known of a client.

    *counts* are those of ``radiusd.radius.habits`` and of what was dropped. *ended* are its calls, and those
    of them that we had to close without a Stop; None: not counted.
    """

    client: Client
    counts: Counter[str]
    ended: tuple[int, int] | None
    hours: int

    def of(self, *words: str) -> int:
        """Return how many there were of *words* together."""
        return sum(self.counts[word] for word in words)

    def device(self, setting: str) -> str:
        """Return what to change on this kind of device."""
        return device_setting(self.client.dialect, setting)

    def lacks(self, kind: str, *types: int) -> bool:
        """Tell whether none of *types* has ever been in requests of *kind*, of which enough were seen."""
        sampled = self.counts[f"~sampled:{kind}"]
        return sampled >= ENOUGH and not any(self.counts[f"~has:{kind}:{type}"] for type in types)


def examine(txn: Cursor, name: str, hours: int, now: datetime, limit_ms: int) -> list[Finding]:
    """
    Return what the packets of the last *hours* tell of the client *name*, the worst first.

    Its calls are left out when to count them takes longer than *limit_ms*.

    Raises:
        NotFound: There is no such client.
    """
    since = now - timedelta(hours=hours)
    found, client_id = read_client(txn, name), client_id_of(txn, name)
    ended = calls_closed_by_us(txn, client_id, since, limit_ms)
    return diagnose(Chart(found, habits_of(txn, client_id, since), ended, hours))


def diagnose(chart: Chart) -> list[Finding]:
    """Return what every check says, the worst first."""
    order = (State.BAD, State.WARN, State.HINT, State.UNKNOWN, State.OK)
    findings = [finding for check in CHECKS for finding in check(chart)]
    return sorted(findings, key=lambda finding: order.index(finding.state))


def _packets(chart: Chart) -> Iterator[Finding]:
    received = chart.of("received")
    if not received:
        do = (
            "see that it sends to our ports, from one of its networks; the log's 'packet discarded' names"
            " addresses that are nobody's"
        )
        yield Finding("packets", State.BAD, f"nothing came in {chart.hours} hours", do)
        return
    strange = [
        reason
        for reason in Reason
        if chart.counts[reason] and reason not in (*SECRET_REASONS, *OURS, *UNSIGNED)
    ]
    if strange:
        seen = ", ".join(f"{chart.counts[reason]} {reason}" for reason in strange)
        do = "its RADIUS is broken, or it speaks to a port that is not for it"
        yield Finding("packets", State.WARN, seen, do)
    else:
        yield Finding("packets", State.OK, f"{received} in {chart.hours} hours")


def _secret(chart: Chart) -> Iterator[Finding]:
    wrong, received = chart.of(*SECRET_REASONS), chart.of("received")
    if not received:
        return
    if not wrong:
        yield Finding("secret", State.OK, "all packets are rightly signed")
        return
    state = State.BAD if wrong * 20 > received else State.WARN
    do = f"{chart.device('secret')}; here: tollwire client set {chart.client.name} --secret-file FILE"
    yield Finding("secret", state, f"{wrong} of {received} packets are signed by another secret", do)


def _message_authenticator(chart: Chart) -> Iterator[Finding]:
    dropped, asked, signed = chart.of(*UNSIGNED), chart.of("~kind:access"), chart.of("~signed")
    name = chart.client.name
    if dropped:
        do = (
            "switch Message-Authenticator on (CVE-2024-3596); if the device has none, and its network is"
            f" safe: tollwire client set {name} --no-require-message-authenticator"
        )
        seen = f"{dropped} Access-Requests dropped: they have none"
        yield Finding("message_authenticator", State.BAD, seen, do)
    elif signed < asked:
        do = "switch it on, then: " + f"tollwire client set {name} --require-message-authenticator"
        seen = f"{asked - signed} of {asked} Access-Requests have none"
        yield Finding("message_authenticator", State.WARN, seen, do)
    elif asked:
        yield Finding("message_authenticator", State.OK, f"all {asked} Access-Requests have one")


def _clock(chart: Chart) -> Iterator[Finding]:
    stamps = sorted(
        (int(word.removeprefix("~clock:")), count)
        for word, count in chart.counts.items()
        if word.startswith("~clock:")
    )
    total = sum(count for _, count in stamps)
    if total < ENOUGH:
        kinds = ("start", "stop", "interim")
        if any(chart.lacks(kind, 55) for kind in kinds):
            yield Finding("clock", State.UNKNOWN, "it sends no Event-Timestamp", chart.device("stamp"))
        return
    low, middle, high = (_quantile(stamps, total, percent) for percent in (5, 50, 95))
    if abs(middle) <= 2 and high - low <= 5:
        yield Finding("clock", State.OK, f"within {max(1, abs(middle))} s of ours")
        return
    way = "ahead of" if middle > 0 else "behind"
    seen = f"{abs(middle)} s {way} ours" if abs(middle) > 2 else "about right"
    if high - low > 5:
        seen += f"; it says from {low} to {high} s"
    yield Finding("clock", State.BAD if abs(middle) > 30 else State.WARN, seen, chart.device("clock"))


def _quantile(counted: list[tuple[int, int]], total: int, percent: int) -> int:
    """Return the value below which *percent* of what was *counted* lies."""
    wanted, below = total * percent / 100, 0
    for value, count in counted:
        below += count
        if below >= wanted:
            return value
    return counted[-1][0]


def _copies(chart: Chart) -> Iterator[Finding]:
    received = chart.of("received")
    lost, early = chart.of("~copy:answered"), chart.of("~copy:pending")
    if not received:
        return
    if not lost and not early:
        yield Finding("loss", State.OK, "no request came twice")
        return
    share = 100 * lost / received
    state = State.BAD if share > 2 else State.WARN if share > 0.2 else State.OK
    do = "look at the way between: packet loss, a full link, a firewall that forgets"
    do = "" if state is State.OK else do
    seen = f"{lost} of {received} requests came again after their answer ({share:.1f} %)"
    yield Finding("loss", state, seen, do)
    yield from _retry_timer(chart)
    if early * 100 > received:
        do = "we are slow, or the timer is short: tollwire_request_duration_seconds tells which"
        yield Finding("patience", State.WARN, f"{early} copies came before we had answered", do)


def _retry_timer(chart: Chart) -> Iterator[Finding]:
    waits = sorted(
        (int(word.removeprefix("~retry:")), count)
        for word, count in chart.counts.items()
        if word.startswith("~retry:")
    )
    total = sum(count for _, count in waits)
    after_s = _quantile(waits, total, 50) if total else 0
    if total >= ENOUGH and after_s < 2:
        seen = f"copies come after {after_s or 'less than 1'} s"
        yield Finding("retry_timer", State.WARN, seen, chart.device("timer"))
    elif total >= ENOUGH:
        yield Finding("retry_timer", State.OK, f"copies come after {after_s} s")


def _our_side(chart: Chart) -> Iterator[Finding]:
    silent = chart.of(*OURS)
    if silent:
        do = "look at the server: its database was away or slow (log, metrics)"
        yield Finding("our_answers", State.WARN, f"{silent} requests had no answer from us", do)


def _starts_and_stops(chart: Chart) -> Iterator[Finding]:
    starts, stops = chart.of("~kind:start"), chart.of("~kind:stop", "~kind:failed")
    if not starts and not stops:
        if chart.of("received"):
            do = f"send accounting to the port of kind acct: {chart.device('starts')}"
            yield Finding("starts", State.WARN, "it has reported no call", do)
        return
    if chart.client.dialect in STOP_ONLY:
        yield Finding("starts", State.HINT, "this kind of sender tells of calls only when they are over")
    elif not starts:
        seen = f"{stops} Stops and no Start: its calls are not live here, and take no channels"
        yield Finding("starts", State.BAD, seen, chart.device("starts"))
    elif starts * 10 < stops * 9:
        yield Finding("starts", State.WARN, f"{starts} Starts for {stops} Stops", chart.device("starts"))
    else:
        yield Finding("starts", State.OK, f"{starts} Starts, {stops} Stops")
    if chart.ended is None:
        yield Finding("stops", State.UNKNOWN, "too many calls to count them now")
        return
    ended, closed = chart.ended
    if closed:
        state = State.BAD if closed * 50 > ended else State.WARN
        do = (
            "see that it sends a Stop for every call, also for those that it cuts off itself, and tries again"
            " long enough"
        )
        yield Finding("stops", state, f"{closed} of {ended} answered calls had no Stop", do)
    else:
        yield Finding("stops", State.OK, f"all {ended} answered calls had theirs")


def _interims(chart: Chart) -> Iterator[Finding]:
    if chart.of("~kind:start") >= ENOUGH and not chart.of("~kind:interim"):
        seen = "none: a call whose Stop is lost stays up until its time is over"
        yield Finding("interims", State.HINT, seen, chart.device("interims"))


def _attributes(chart: Chart) -> Iterator[Finding]:
    reports = [kind for kind in ("start", "stop") if chart.counts[f"~sampled:{kind}"] >= ENOUGH]
    lacking: list[tuple[str, State, str]] = []
    if any(chart.lacks(kind, 44) for kind in reports):
        do = "let it send Acct-Session-Id, else records cannot be told apart"
        lacking.append(("Acct-Session-Id", State.BAD, do))
    if any(chart.lacks(kind, 55) for kind in reports):
        lacking.append(("Event-Timestamp", State.WARN, chart.device("stamp")))
    if chart.client.dialect in PLAIN_NUMBERS:
        sources = chart.client.settings
        for type, setting in ((30, "called"), (31, "calling")):
            if f"{setting}_from" not in sources and any(chart.lacks(kind, type) for kind in reports):
                name = f"{setting.capitalize()}-Station-Id"
                lacking.append((name, State.WARN, chart.device(setting)))
    if any(chart.lacks(kind, 4, 32, 95) for kind in reports):
        do = "let it send NAS-Identifier or NAS-IP-Address (RFC 2866, 4.1)"
        lacking.append(("NAS-Identifier, NAS-IP-Address", State.HINT, do))
    if chart.of("~kind:access") >= ENOUGH and any(chart.lacks(kind, 25) for kind in reports):
        do = "let it send Class back as it came: it leads every record to its call"
        lacking.append(("Class", State.HINT, do))
    for name, state, do in lacking:
        yield Finding("attributes", state, f"it never sends {name}", do)


def _boots(chart: Chart) -> Iterator[Finding]:
    boots = chart.of("~kind:on")
    if boots * 8 > chart.hours and boots > 1:
        do = "each Accounting-On ends all of its calls here; see why it restarts"
        yield Finding("boots", State.WARN, f"it has started {boots} times in {chart.hours} hours", do)


CHECKS = (
    _packets,
    _secret,
    _message_authenticator,
    _clock,
    _copies,
    _our_side,
    _starts_and_stops,
    _interims,
    _attributes,
    _boots,
)
