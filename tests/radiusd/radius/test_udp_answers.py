"""What a port answers: to whom, once, the very same to copies, and what comes of an answer that fails."""

from radiusd.radius.admission import PortKind
from radiusd.radius.assigned import Code
from radiusd.radius.discards import Reason
from radiusd.radius.reply import Reply, text
from radiusd.radius.request import read_answer
from tests.radiusd.radius.requests import ACCEPT, RECORDED, SECRET, access, accounting


def test_L011_L012_answers_go_back_to_where_the_request_came_from(a_desk):
    """
    Replies carry the right Identifier and authenticators, and go to the source address and port.
    """
    for kind, request, reply in (
        (PortKind.AUTH, access((1, b"alice"), identifier=200), ACCEPT),
        (PortKind.ACCT, accounting((44, b"s"), identifier=201), RECORDED),
    ):
        desk = a_desk(kind, reply=reply)
        (answer,) = desk.receive(request, "192.0.2.77", 1234)

        assert reply.code == read_answer(answer, request, SECRET).code
        assert [("192.0.2.77", 1234)] == desk.destinations
        assert (1, 1) == (desk.counts.requests, desk.counts.replied(reply.code))


def test_X25_an_ipv4_sender_on_a_socket_for_both_families(a_desk):
    """
    An IPv4-mapped source equals its IPv4 client, is logged by that address, and answered where it came from.
    """
    desk = a_desk(PortKind.ACCT, reply=RECORDED)

    assert 1 == len(desk.receive(accounting((44, b"s")), "::ffff:192.0.2.77", 1234))
    assert [("::ffff:192.0.2.77", 1234)] == desk.destinations
    assert ("::ffff:192.0.2.77", 1234) == desk.answers[0].addr
    desk.receive(b"", "::ffff:192.0.2.77")
    assert ["192.0.2.77"] == [line["source"] for line in desk.lines]


def test_L064_L065_answered_with_message_authenticator_first(a_client, a_desk):
    """
    Every answer to an Access-Request begins with a right Message-Authenticator, even if that had none.
    """
    desk = a_desk(PortKind.AUTH, a_client(require_message_authenticator=False), reply=ACCEPT)
    request = access((1, b"a"), signs_message=False)
    (answer,) = desk.receive(request)

    assert [80, 18] == [type for type, _ in read_answer(answer, request, SECRET).attributes]


def test_L070_L071_L076_copies_of_one_request(a_desk):
    """
    Copies of a pending request get no answer; after the answer, its very octets; it is handled once.
    """
    for kind, request, reply in (
        (PortKind.AUTH, access((1, b"a")), ACCEPT),
        (PortKind.ACCT, accounting((44, b"s")), RECORDED),
    ):
        desk = a_desk(kind)

        assert [] == desk.receive(request) + desk.receive(request)
        desk.answers[0](reply)
        (answer,) = desk.sent
        assert [answer] == desk.receive(request)
        assert 1 == len(desk.requests)
        assert (3, 2, 1) == (desk.counts.requests, desk.counts.duplicates, desk.counts.responses)


def test_L072_L074_requests_that_only_look_alike(a_desk):
    """
    A new Request Authenticator, or another source port, makes another request of the same Identifier.
    """
    desk = a_desk(PortKind.ACCT, reply=RECORDED)

    first = desk.receive(accounting((44, b"one")))
    second = desk.receive(accounting((44, b"two")))
    third = desk.receive(accounting((44, b"two")), port=40001)

    assert ["one", "two", "two"] == [packet.text(44) for packet in desk.requests]
    assert first != second == third


def test_L073_a_forged_packet_does_not_disturb_the_duplicate_cache(a_desk):
    """
    A packet with a wrong Message-Authenticator leaves the answer to the real one where it is.
    """
    desk = a_desk(PortKind.AUTH, reply=ACCEPT)
    request = access((1, b"a"))
    answers = desk.receive(request)
    forged = access((1, b"a"), secret=b"a guess")

    assert [] == desk.receive(forged)
    assert answers == desk.receive(request)
    assert 1 == len(desk.requests)


def test_L075_an_answer_is_kept_for_seconds(a_desk):
    """
    The answer stays in the duplicate cache for at least 5 seconds, and not for ever.
    """
    desk = a_desk(PortKind.ACCT, reply=RECORDED)
    request = accounting((44, b"s"))
    answers = desk.receive(request)

    desk.clock.advance(29)
    assert answers == desk.receive(request)
    desk.clock.advance(1)
    desk.receive(request)
    assert 2 == len(desk.requests)


def test_L180_a_challenge_is_repeated_too(a_desk):
    """
    A duplicate of a challenged request gets the very same challenge, not a new one.
    """
    desk = a_desk(PortKind.AUTH)
    request = access((1, b"a"))
    desk.receive(request)
    desk.answers[0](Reply(Code.ACCESS_CHALLENGE, [text(24, "nonce-1")]))

    (challenge,) = desk.sent
    assert [challenge] == desk.receive(request)
    assert 1 == desk.counts.replied(Code.ACCESS_CHALLENGE)


def test_X15_only_the_first_answer_is_sent(a_desk):
    """
    One request never gets two answers, whatever a handler does.
    """
    desk = a_desk(PortKind.AUTH)
    desk.receive(access((1, b"a")))
    desk.answers[0](ACCEPT)
    desk.answers[0](Reply(Code.ACCESS_REJECT))
    desk.answers[0](None)

    assert [Code.ACCESS_ACCEPT] == [octets[0] for octets in desk.sent]
    assert {} == desk.counts.discarded


def test_an_answer_to_a_request_given_up_is_not_sent(a_desk):
    """
    When the sender uses the Identifier for something new, the old request's answer would only confuse it.
    """
    desk = a_desk(PortKind.ACCT)
    desk.receive(accounting((44, b"one")))
    desk.receive(accounting((44, b"two")))
    desk.answers[0](RECORDED)
    assert [] == desk.sent

    desk.answers[1](RECORDED)
    assert 1 == len(desk.sent)


def test_L083_silence_lets_the_retransmission_try_afresh(a_desk):
    """
    No answer while the record cannot be written; the same octets later are handled as new.
    """
    desk = a_desk(PortKind.ACCT)
    request = accounting((44, b"s"))
    desk.receive(request)
    desk.answers[0](None)

    assert [] == desk.sent
    assert {Reason.NOT_ANSWERED: 1} == desk.counts.discarded
    desk.reply = RECORDED
    assert 1 == len(desk.receive(request))
    assert 2 == len(desk.requests)


def test_a_handler_that_fails_stops_nothing(a_desk):
    """
    What a handler raises is logged and counted; the server goes on, and the request may come again.
    """
    desk = a_desk(PortKind.ACCT)
    desk.fault = ZeroDivisionError("handler")
    request = accounting((44, b"s"))

    assert [] == desk.receive(request)
    assert {Reason.HANDLER_FAILED: 1} == desk.counts.discarded
    assert ["request failed", "packet discarded"] == [line["event"] for line in desk.lines]
    desk.fault, desk.reply = None, RECORDED
    assert 1 == len(desk.receive(request))


def test_a_reply_that_cannot_be_sent_stops_nothing(a_desk):
    """
    An attribute of impossible size in a reply is logged and counted, and nothing is sent.
    """
    desk = a_desk(PortKind.AUTH, reply=Reply(Code.ACCESS_ACCEPT, [(25, bytes(300))]))

    assert [] == desk.receive(access((1, b"a")))
    assert {Reason.HANDLER_FAILED: 1} == desk.counts.discarded
    assert "reply cannot be sent" == desk.lines[0]["event"]


def test_L114_a_request_full_of_proxy_state_gets_no_oversized_reply(a_client, a_desk):
    """
    A reply never exceeds 4096 octets, even to a request full of Proxy-State: better none.
    """
    desk = a_desk(PortKind.AUTH, a_client(require_message_authenticator=False), reply=ACCEPT)

    assert [] == desk.receive(access(*[(33, bytes(253))] * 15, (33, bytes(249)), signs_message=False))
    assert {Reason.REPLY_TOO_LARGE: 1} == desk.counts.discarded


def test_nothing_is_sent_through_a_closed_port(a_desk):
    """
    An answer that is ready after the port has closed is dropped, and raises nothing.
    """
    desk = a_desk(PortKind.ACCT)
    desk.receive(accounting((44, b"s")))
    desk.port.transport = None
    desk.answers[0](RECORDED)

    assert [] == desk.sent
