"""Limits and minutes under many calls in one instant, over two workers and over two nodes on one database."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from radiusd.storage.postgres import EmbeddedPostgres
from tests.acceptance.lab import LEASE_S, Call, Lab, begin, eventually, site
from tests.acceptance.process import Server
from tests.acceptance.wire import (
    ACCESS_ACCEPT,
    ACCESS_REJECT,
    ACCOUNTING_RESPONSE,
    CALLED_STATION_ID,
    CALLING_STATION_ID,
    REPLY_MESSAGE,
    SESSION_TIMEOUT,
    START,
    STOP,
    USER_NAME,
    Answer,
    Sender,
    status,
    tlv,
)

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

CHANNELS, ATTEMPTS, SENDERS = 30, 200, 8
TRUNK, TRUNK_PASSWORD = "trunk-of-30", b"password of the trunk"
INCLUDED_S, MICROS_PER_S = 600, 1000
PRIMARY = "15552000000"
PENNILESS = "15553000000"
VIRTUALS = [f"1555200000{number}" for number in range(1, 6)]
PAST_A_LOCK_S = 1.5  # a lock timeout, and a slow machine
SEEN_WITHIN_S = 2.0
NEWCOMER = "127.0.0.9"

MORE = f"""
[[trunk]]
account = "acme"
trunk = "{TRUNK}"
plan = "basic"
max_channels = {CHANNELS}
username = "{TRUNK}"
password = "{TRUNK_PASSWORD.decode()}"
activated = 2020-01-01

[[destination]]
name = "britain"
prefixes = ["44"]

[[plan]]
code = "minutes"
deck = "world"

[[plan.bucket]]
name = "ten"
seconds = {INCLUDED_S}
destinations = "britain"

[[account]]
code = "shared"
currency = "USD"
opening_balance = 1000

[[did]]
account = "shared"
number = "{PRIMARY}"
plan = "minutes"
activated = 2020-01-01

[[account]]
code = "penniless"
currency = "USD"
credit_limit = 0

[[did]]
account = "penniless"
number = "{PENNILESS}"
plan = "minutes"
activated = 2020-01-01
""" + "".join(
    f'[[virtual]]\naccount = "shared"\nnumber = "{number}"\nprimary = "{PRIMARY}"\nactivated = 2020-01-01\n'
    for number in VIRTUALS
)


BUCKET = (
    "SELECT used_s, held_s, included_s FROM bucket JOIN account ON account.id = account_id WHERE code = %s"
)


@pytest.fixture(scope="module")
def nodes(home: Path, server: Server, pg_bin: Path | None) -> Iterator[list[Lab]]:
    """
    Two nodes on one database, seen through a lab each.

    The first has two workers and owns the database, the second is told its address.
    """
    dsn = EmbeddedPostgres(home / "db").dsn
    server.configure(workers=2)
    begin(server, MORE)
    (home / "second").mkdir()
    second = Server(home / "second", pg_bin, dsn=dsn, key_file=server.key_file)
    second.start(TOLLWIRE__REJECT_DELAY_S="0")
    labs = [Lab(server, dsn), Lab(second, dsn, first_number=15561000000)]
    yield labs
    for lab in labs:
        lab.close()
    assert 0 == second.stop()


def burst(labs: Sequence[Lab]) -> list[tuple[Call, Answer]]:
    """Ask for calls on the trunk, all in one instant, from ports spread over *labs*; return the answers."""
    senders = [labs[number % len(labs)].sender("open") for number in range(SENDERS)]
    calls = [
        Call(labs[number % len(labs)], senders[number % SENDERS], user=TRUNK) for number in range(ATTEMPTS)
    ]
    packets = [call.attempt(TRUNK_PASSWORD) for call in calls]
    asked = {(call.sender, packet[1]): (call, packet) for call, packet in zip(calls, packets, strict=True)}
    for call, packet in zip(calls, packets, strict=True):
        call.sender.send(packet)
    answered = []
    for sender in senders:
        for _ in range(ATTEMPTS // SENDERS):
            answer = sender.receive(5)
            assert answer is not None
            call, packet = asked[sender, answer.octets[1]]
            assert answer.is_signed_for(packet, sender.secret)
            answered.append((call, answer))
    return answered


@pytest.mark.parametrize("count", [1, 2], ids=["two workers", "two nodes"])
def test_of_200_attempts_in_one_instant_exactly_30_are_let_in(nodes: list[Lab], count: int) -> None:
    """
    Three times over: the rest are refused as the trunk is full; when the 30 have ended there is room again.
    """
    for _ in range(3):
        answered = burst(nodes[:count])
        accepted = [call for call, answer in answered if answer.code == ACCESS_ACCEPT]
        refused = [answer for _, answer in answered if answer.code == ACCESS_REJECT]

        assert (CHANNELS, ATTEMPTS - CHANNELS) == (len(accepted), len(refused))
        assert all(b"trunk_full" in answer.all(REPLY_MESSAGE)[0] for answer in refused)
        assert [(CHANNELS,)] == nodes[0].query("SELECT used FROM channel")
        assert [(CHANNELS,)] == nodes[0].query("SELECT count(*) FROM session")
        for call in accepted:
            call.tell(STOP, lasted_s=0)
        assert [(0,)] == nodes[0].query("SELECT used FROM channel")
    nodes[0].server.check_books()


def test_an_attempt_that_reaches_both_nodes_holds_one_channel(nodes: list[Lab]) -> None:
    """
    A switch that fails over asks the other node about the same call: both say yes, to one call.
    """
    call = Call(nodes[0], nodes[0].sender("open"), user=TRUNK)
    packet = call.attempt(TRUNK_PASSWORD)
    elsewhere = nodes[1].sender("open")
    call.sender.send(packet)
    elsewhere.send(packet)

    assert [ACCESS_ACCEPT] * 2 == [
        answer.code for answer in (call.sender.receive(5), elsewhere.receive(5)) if answer
    ]
    assert [(1,)] == nodes[0].query("SELECT used FROM channel")
    elsewhere.ask(call.packet(STOP, lasted_s=0))
    assert [(0,)] == nodes[0].query("SELECT used FROM channel")


class CallFrom(Call):
    """A call from a number that has others too."""

    def __init__(self, lab: Lab, client: str, number: str) -> None:
        super().__init__(lab, lab.sender(client))
        self.number = number

    def identity(self) -> tuple[bytes, ...]:
        """Return the attributes that say who calls whom."""
        return (
            tlv(USER_NAME, self.calling),
            tlv(CALLING_STATION_ID, self.number),
            tlv(CALLED_STATION_ID, "442079460000"),
        )


def in_parallel(asked: Sequence[tuple[Sender, bytes]]) -> list[Answer]:
    """Send all of *asked* in one instant, and return their answers."""
    for sender, packet in asked:
        sender.send(packet)
    answers = [sender.receive(5) for sender, _ in asked]
    assert None not in answers
    return [answer for answer in answers if answer]


def test_fifty_calls_on_one_bucket_spend_no_second_twice(nodes: list[Lab]) -> None:
    """
    Through five virtual numbers and two nodes at once, each report at both: what the bucket lacks is paid.
    """
    calls = [CallFrom(nodes[number % 2], "pbx", VIRTUALS[number % len(VIRTUALS)]) for number in range(50)]
    elsewhere = [nodes[(number + 1) % 2].sender("pbx") for number in range(50)]
    lasted_s = [10 + number for number in range(50)]
    answers = in_parallel([(call.sender, call.call_check()) for call in calls])
    assert {ACCESS_ACCEPT} == {answer.code for answer in answers}
    for status_type in (START, STOP):
        asked = []
        for call, other, seconds in zip(calls, elsewhere, lasted_s, strict=True):
            packet = call.packet(status_type, lasted_s=seconds if status_type == STOP else None)
            asked += [(call.sender, packet), (other, packet)]
        in_parallel(asked)

    (bucket,) = nodes[0].query(BUCKET, "shared")
    (spent,) = nodes[0].query(
        "SELECT count(*), sum(billed_s), sum(included_s), sum(total_micros)"
        " FROM cdr WHERE calling = ANY (%s)",
        VIRTUALS,
    )
    total_s = sum(lasted_s)
    assert total_s > INCLUDED_S
    assert (INCLUDED_S, 0, INCLUDED_S) == bucket
    assert (50, total_s, INCLUDED_S, (total_s - INCLUDED_S) * MICROS_PER_S) == spent
    nodes[0].server.check_books()


def test_what_is_granted_to_fifty_calls_at_once_is_there_once(nodes: list[Lab]) -> None:
    """
    Without money the bucket grants just its seconds, in leases, over both nodes; then calls are refused.
    """
    calls = [CallFrom(nodes[number % 2], "leases", PENNILESS) for number in range(50)]
    answers = in_parallel([(call.sender, call.call_check()) for call in calls])
    granted_s = [
        int.from_bytes(answer.all(SESSION_TIMEOUT)[0], "big")
        for answer in answers
        if answer.code == ACCESS_ACCEPT
    ]

    assert [LEASE_S] * (INCLUDED_S // LEASE_S) == granted_s
    assert [(0, INCLUDED_S, INCLUDED_S)] == nodes[0].query(BUCKET, "penniless")
    for call in calls:
        call.tell(STOP, lasted_s=0)
    nodes[0].server.check_books()


def test_an_account_that_is_locked_delays_no_other(nodes: list[Lab]) -> None:
    """
    By a frozen node or an admin's transaction: the others' calls are authorized and recorded meanwhile.
    """
    stuck = [Call(nodes[0], nodes[0].sender("pbx")) for _ in range(2)]
    served = [CallFrom(nodes[0], "pbx", VIRTUALS[0]) for _ in range(2)]
    with nodes[0].locked_account("acme"):
        stuck[0].sender.send(stuck[0].packet(STOP, lasted_s=5))
        stuck[1].sender.send(stuck[1].attempt())
        time.sleep(0.1)  # both are waiting for the lock
        for _ in range(5):
            served[0].sender.ask(served[0].packet(STOP, lasted_s=5), limit_s=PAST_A_LOCK_S)
            served[1].sender.ask(served[1].call_check(), limit_s=PAST_A_LOCK_S)
        assert [[], []] == [call.sender.collect(0) for call in stuck]

    assert [ACCOUNTING_RESPONSE] == [answer.code for answer in stuck[0].sender.collect(1.5)]
    assert [ACCESS_ACCEPT] == [answer.code for answer in stuck[1].sender.collect(0.5)]
    for call in (stuck[1], served[1]):
        call.tell(STOP, lasted_s=0)
    nodes[0].server.check_books()


def test_a_change_of_the_catalogue_is_seen_by_both_nodes(nodes: list[Lab]) -> None:
    """
    A switch that is added is answered by each within 2 seconds, by every worker; one taken away is not.
    """
    added = f'[[client]]\nname = "newcomer"\nnetworks = ["{NEWCOMER}"]\nsecret = "secret of the newcomer"\n'
    for change, is_known in ((added, True), (added.replace(NEWCOMER, "192.0.2.9"), False)):
        nodes[0].server.apply(site() + MORE + change)
        changed_s = time.monotonic()
        senders = [
            Sender(NEWCOMER, b"secret of the newcomer", lab.server.auth_port, lab.server.acct_port)
            for lab in nodes
            for _ in range(4)  # ports, so that both workers are asked
        ]
        for sender in senders:
            eventually(partial(answers, sender) if is_known else partial(is_deaf, sender), SEEN_WITHIN_S)
        assert time.monotonic() - changed_s < SEEN_WITHIN_S
        for sender in senders:
            sender.close()


def answers(sender: Sender) -> bool:
    """Tell whether the server talks to *sender*."""
    sender.send(status(sender.secret))
    return sender.receive(0.1) is not None


def is_deaf(sender: Sender) -> bool:
    """Tell whether the server does not talk to *sender*."""
    return not answers(sender)
