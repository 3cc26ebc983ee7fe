"""Packets that somebody watches: what arrived, and what became of it."""

import pytest

from radiusd.radius.admission import PortKind
from radiusd.radius.assigned import Code
from radiusd.radius.reply import Reply
from radiusd.radius.request import Request
from radiusd.radius.watching import MOST_KEPT, PATIENCE_S, Watch

SECRET = b"a secret of 24 octets..."  # as in conftest.a_client
RECORDED = Reply(Code.ACCOUNTING_RESPONSE)


def accounting(session=b"s", identifier=7, secret=SECRET):
    return Request(Code.ACCOUNTING_REQUEST, [(44, session)], False).sign(identifier, secret)


@pytest.fixture
def watched(a_desk):
    """Return a desk at which client 1 is watched for a minute."""

    def watched(kind=PortKind.ACCT, reply=None):
        desk = a_desk(kind, reply=reply)
        desk.port.watch = Watch(desk.clock)
        desk.port.watch.follow({1: 60.0})
        return desk

    return watched


def outcomes(desk):
    return [(seen.outcome, seen.reason) for seen in desk.port.watch.take().packets]


def test_an_answer_is_seen_with_its_request_and_how_long_it_took(watched):
    """
    Also when it comes a while later.
    """
    desk = watched()
    request = accounting()
    desk.receive(request)
    assert [] == outcomes(desk)
    desk.clock.advance(0.25)
    desk.answers[0](RECORDED)

    (seen,) = desk.port.watch.take().packets
    assert (1, "acct", 0.0, "192.0.2.1", 40000) == (
        seen.client_id, seen.port_kind, seen.at_s, seen.host, seen.port
    )  # fmt: skip
    assert ("answered", request, desk.sent[0], 250_000) == (
        seen.outcome, seen.request, seen.reply, seen.took_us
    )  # fmt: skip
    assert [] == outcomes(desk)


def test_why_a_packet_gets_no_answer_is_seen(watched):
    """
    It is too short, signed by another secret, or nobody could make it durable.
    """
    desk = watched()
    desk.receive(b"\x04")
    desk.receive(accounting(secret=b"another secret"))
    desk.receive(accounting())
    desk.answers[0](None)

    assert [
        ("dropped", "too_short"), ("dropped", "bad_request_authenticator"), ("dropped", "not_answered")
    ] == outcomes(desk)  # fmt: skip


def test_copies_are_seen_as_copies(watched):
    """
    One while the first is worked on, and one that gets its answer again; the first keeps its own outcome.
    """
    desk = watched()
    desk.receive(accounting())
    desk.receive(accounting())
    desk.answers[0](RECORDED)
    desk.receive(accounting())

    assert [("copy", ""), ("answered", ""), ("answered again", "")] == outcomes(desk)


def test_status_server_is_seen(watched):
    """
    Answered, or dropped while records cannot be written.
    """
    desk = watched()
    status = Request(Code.STATUS_SERVER, [], True).sign(1, SECRET)
    desk.receive(status)
    desk.healthy = False
    desk.receive(status)

    assert [("answered", ""), ("dropped", "unhealthy")] == outcomes(desk)


def test_what_waits_long_is_told_of(watched):
    """
    Once; an answer that comes after that is no second packet.
    """
    desk = watched()
    desk.receive(accounting())
    desk.clock.advance(PATIENCE_S + 1)
    assert [("not answered yet", "")] == outcomes(desk)
    desk.answers[0](RECORDED)
    assert [] == outcomes(desk)


def test_a_flood_is_counted_and_not_kept(watched):
    """
    Memory is bounded, whatever a client sends.
    """
    desk = watched(reply=RECORDED)
    for number in range(MOST_KEPT + 25):
        desk.receive(accounting(str(number).encode(), number % 256))
    seen = desk.port.watch.take()

    assert (MOST_KEPT, {1: 25}) == (len(seen.packets), seen.left_out)
    assert MOST_KEPT + 25 == desk.counts.replied(Code.ACCOUNTING_RESPONSE)


def test_nothing_is_kept_of_who_is_not_watched(watched, a_desk):
    """
    Another client, a client whose time is over, and ports that nobody has looked at.
    """
    desk = watched(reply=RECORDED)
    desk.port.watch.follow({2: 60.0})
    desk.receive(accounting())
    desk.port.watch.follow({1: 60.0})
    desk.clock.advance(61)
    desk.receive(accounting(b"t"))
    assert [] == outcomes(desk)

    plain = a_desk(PortKind.ACCT, reply=RECORDED)
    plain.receive(accounting())
    assert (False, 1) == (plain.port.watch.is_on, len(plain.sent))


def test_a_watch_that_ends_forgets_what_is_under_way(watched):
    """
    The answer goes out as ever.
    """
    desk = watched()
    desk.receive(accounting())
    desk.port.watch.follow({})
    desk.answers[0](RECORDED)

    assert (1, [], False) == (len(desk.sent), outcomes(desk), desk.port.watch.is_on)
