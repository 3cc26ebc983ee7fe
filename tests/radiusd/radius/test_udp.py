"""What a port lets through, what it answers itself, and what it drops without a word."""

import pytest

from radiusd.radius.admission import PortKind
from radiusd.radius.assigned import Code
from radiusd.radius.discards import CountedAs, Reason
from radiusd.radius.packet import read_packet
from radiusd.radius.reply import Reply, text
from radiusd.radius.request import Request, read_answer
from radiusd.radius.signing import pack_attributes, response_authenticator

SECRET = b"a secret of 24 octets..."  # as in conftest.a_client
ACCEPT = Reply(Code.ACCESS_ACCEPT, [text(18, "welcome")])
RECORDED = Reply(Code.ACCOUNTING_RESPONSE)


def access(*attributes, identifier=7, signs_message=True, secret=SECRET):
    return Request(Code.ACCESS_REQUEST, list(attributes), signs_message).sign(identifier, secret)


def accounting(*attributes, identifier=7, signs_message=False, secret=SECRET):
    return Request(Code.ACCOUNTING_REQUEST, list(attributes), signs_message).sign(identifier, secret)


def status(*attributes, identifier=7, signs_message=True, secret=SECRET):
    return Request(Code.STATUS_SERVER, list(attributes), signs_message).sign(identifier, secret)


def signed_body(body, code=4):
    """An accounting packet whose signature is right whatever *body* holds."""
    raw = bytes((code, 7)) + (20 + len(body)).to_bytes(2, "big") + bytes(16) + body
    return raw[:4] + response_authenticator(raw, bytes(16), SECRET) + body


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


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda octets: octets[:19], Reason.TOO_SHORT),
        (lambda octets: octets[:-1], Reason.SHORTER_THAN_LENGTH),
        (lambda octets: octets[:2] + b"\0\x13" + octets[4:], Reason.LENGTH_BELOW_20),
        (lambda octets: octets[:2] + b"\x10\x01" + octets[4:] + bytes(4096), Reason.LENGTH_ABOVE_4096),
        (lambda octets: b"", Reason.TOO_SHORT),
    ],
)
def test_L001_to_L004_X04_bad_lengths_are_silent_and_counted(a_desk, change, reason):
    """
    A datagram whose length is wrong is silently discarded, counted as malformed and logged with its reason.
    """
    for kind, request in ((PortKind.AUTH, access((1, b"a"))), (PortKind.ACCT, accounting((44, b"s")))):
        desk = a_desk(kind, reply=RECORDED)

        assert [] == desk.receive(change(request))
        assert {reason: 1} == desk.counts.discarded
        assert 1 == desk.counts.discards(CountedAs.MALFORMED)
        assert [reason.value] == [line["reason"] for line in desk.lines]
        assert [] == desk.requests


def test_L005_L006_padding_and_the_longest_packet(a_desk):
    """
    Octets beyond Length are ignored, and a packet of exactly 4096 octets is processed.
    """
    desk = a_desk(PortKind.ACCT, reply=RECORDED)
    longest = accounting(*[(33, bytes(253))] * 15, (33, bytes(249)))

    assert 4096 == len(longest)
    assert 1 == len(desk.receive(longest))
    assert 1 == len(desk.receive(accounting((44, b"s"), identifier=8) + b"\x01\x00padding"))
    assert "s" == desk.requests[1].text(44)


@pytest.mark.parametrize("kind", [PortKind.AUTH, PortKind.ACCT])
@pytest.mark.parametrize("code", [0, 2, 3, 5, 6, 11, 13, 40, 41, 42, 43, 44, 45, 255])
def test_L007_L008_L014_codes_that_no_server_port_takes(a_desk, kind, code):
    """
    Invalid codes, response codes, CoA and Disconnect requests are silently discarded on both ports.
    """
    desk = a_desk(kind, reply=RECORDED)

    assert [] == desk.receive(signed_body(b"\x2c\x03s", code=code))
    assert {Reason.UNKNOWN_CODE: 1} == desk.counts.discarded
    assert 1 == desk.counts.discards(CountedAs.UNKNOWN_TYPE)


def test_L009_L010_requests_at_the_wrong_port(a_desk):
    """
    An Access-Request on the accounting port is silently discarded, and so is accounting on the other.
    """
    for kind, request in ((PortKind.ACCT, access((1, b"a"))), (PortKind.AUTH, accounting((44, b"s")))):
        desk = a_desk(kind, reply=RECORDED)

        assert [] == desk.receive(request)
        assert {Reason.WRONG_PORT: 1} == desk.counts.discarded


def test_L013_a_bare_access_request_proves_nothing(a_desk):
    """
    A bare 20-octet Access-Request is dropped before any handler sees it, by default.
    """
    desk = a_desk(PortKind.AUTH, reply=ACCEPT)
    bare = bytes((1, 7, 0, 20)) + bytes(16)

    assert [] == desk.receive(bare)
    assert {Reason.MESSAGE_AUTHENTICATOR_REQUIRED: 1} == desk.counts.discarded


def test_L015_strangers_get_no_answer(a_desk):
    """
    A request from an address without a client is silently discarded and counted apart.
    """
    desk = a_desk(PortKind.AUTH, reply=ACCEPT)

    assert [] == desk.receive(access((1, b"a")), host="198.51.100.1")
    assert (1, {}) == (desk.port.counters.invalid_requests, desk.port.counters.clients)
    assert ["unknown_client"] == [line["reason"] for line in desk.lines]


def test_L016_L017_the_source_address_chooses_the_secret(a_client, a_desk):
    """
    The secret is chosen by the UDP source address, not by NAS-IP-Address: another client's does not do.
    """
    one = a_client()
    other = a_client(id=2, name="sbc-2", networks=(), secret=b"another secret entirely")
    desk = a_desk(PortKind.ACCT, one, other, reply=RECORDED)

    assert [] == desk.receive(accounting((4, b"\xc0\0\x02\x01"), secret=other.secret))
    assert {Reason.BAD_REQUEST_AUTHENTICATOR: 1} == desk.counts.discarded
    assert 1 == len(desk.receive(accounting((4, b"\xc6\x33\x64\x01"), (32, b"sbc-2"))))


@pytest.mark.parametrize("body", [b"\x2c\x00", b"\x2c\x01", b"\x2c\x03s\x01\x00", b"\x2c\x09s", b"\x2c"])
def test_L020_L021_L022_bad_attribute_lengths(a_desk, body):
    """
    A bad attribute Length silently discards the whole packet, though its signature be right.
    """
    for kind, code in ((PortKind.ACCT, 4), (PortKind.AUTH, 1)):
        desk = a_desk(kind, reply=ACCEPT)

        assert [] == desk.receive(signed_body(body, code=code))
        assert 1 == desk.counts.discards(CountedAs.MALFORMED)
        assert [] == desk.requests


def test_X10_forged_accounting_is_not_parsed(a_desk):
    """
    Unauthenticated octets are never parsed deeper than needed: here, not beyond the signature.
    """
    desk = a_desk(PortKind.ACCT, reply=RECORDED)
    broken = signed_body(b"\x2c\x00")
    forged = broken[:4] + bytes(16) + broken[20:]

    desk.receive(forged)
    assert {Reason.BAD_REQUEST_AUTHENTICATOR: 1} == desk.counts.discarded


def test_L023_to_L037_oddities_reach_the_handler(a_desk):
    """
    NULs, unknown types and vendors, broken vendor attributes and text in no code page do not lose a record.
    """
    oddities = [
        (1, b"ali\0ce\0"),
        (26, b""),
        (26, b"\0\0\0\x09\x01\x00"),
        (26, (4_000_000_000).to_bytes(4, "big") + b"\x01\x03x"),
        (245, b"\x1a"),
        (31, b"\xff\xfe"),
        (46, b"\x01"),
    ]
    desk = a_desk(PortKind.ACCT, reply=RECORDED)

    assert 1 == len(desk.receive(accounting(*oddities)))
    assert oddities == desk.requests[0].attributes


def test_L057_eap_without_message_authenticator(a_client, a_desk):
    """
    EAP-Message without Message-Authenticator is silently discarded, even from a client that need not send it.
    """
    desk = a_desk(PortKind.AUTH, a_client(require_message_authenticator=False), reply=ACCEPT)

    assert [] == desk.receive(access((79, b"\x02\x01"), signs_message=False))
    assert {Reason.EAP_WITHOUT_MESSAGE_AUTHENTICATOR: 1} == desk.counts.discarded
    assert 1 == len(desk.receive(access((79, b"\x02\x01"), identifier=8)))


def test_L060_L061_L062_wrong_message_authenticators(a_client, a_desk):
    """
    Wrong, of 15 or 17 octets, or twice: silently discarded, whether or not the client must send one.
    """
    for required in (True, False):
        desk = a_desk(PortKind.AUTH, a_client(require_message_authenticator=required), reply=ACCEPT)
        right = read_packet(access((1, b"a")))
        own = right.attributes[0][1]
        for found in ([(80, bytes(16))], [(80, own[:15])], [(80, own + b"\0")], [(80, own), (80, own)]):
            assert [] == desk.receive(access(*found, signs_message=False))
        assert {Reason.BAD_MESSAGE_AUTHENTICATOR: 4} == desk.counts.discarded
        assert 4 == desk.counts.discards(CountedAs.BAD_AUTHENTICATOR)


def test_L064_L065_answered_with_message_authenticator_first(a_client, a_desk):
    """
    Every answer to an Access-Request begins with a right Message-Authenticator, even if that had none.
    """
    desk = a_desk(PortKind.AUTH, a_client(require_message_authenticator=False), reply=ACCEPT)
    request = access((1, b"a"), signs_message=False)
    (answer,) = desk.receive(request)

    assert [80, 18] == [type for type, _ in read_answer(answer, request, SECRET).attributes]


def test_L066_message_authenticator_required(a_desk):
    """
    Client flagged 'require Message-Authenticator': Access-Request without it is silently discarded.
    """
    desk = a_desk(PortKind.AUTH, reply=ACCEPT)

    assert [] == desk.receive(access((1, b"a"), signs_message=False))
    assert {Reason.MESSAGE_AUTHENTICATOR_REQUIRED: 1} == desk.counts.discarded
    assert 1 == desk.counts.discards(CountedAs.DROPPED)


def test_L067_proxy_state_limited(a_client, a_desk):
    """
    Client flagged 'limit Proxy-State': Proxy-State without Message-Authenticator is dropped, all else is not.
    """
    desk = a_desk(
        PortKind.AUTH, a_client(require_message_authenticator=False, limit_proxy_state=True), reply=ACCEPT
    )

    assert [] == desk.receive(access((1, b"a"), (33, b"p"), signs_message=False))
    assert {Reason.PROXY_STATE_WITHOUT_MESSAGE_AUTHENTICATOR: 1} == desk.counts.discarded
    assert 1 == len(desk.receive(access((1, b"a"), signs_message=False, identifier=8)))
    assert 1 == len(desk.receive(access((1, b"a"), (33, b"p"), identifier=9)))


def test_L068_message_authenticator_in_accounting(a_desk):
    """
    Accounting-Request with a wrong Message-Authenticator is discarded; with a right one it is answered.
    """
    desk = a_desk(PortKind.ACCT, reply=RECORDED)

    assert [] == desk.receive(signed_body(pack_attributes([(44, b"s"), (80, bytes(16))])))
    assert {Reason.BAD_MESSAGE_AUTHENTICATOR: 1} == desk.counts.discarded
    assert 1 == len(desk.receive(accounting((44, b"s"), signs_message=True)))


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


@pytest.mark.parametrize(
    ("kind", "code", "types"),
    [(PortKind.AUTH, Code.ACCESS_ACCEPT, [80]), (PortKind.ACCT, Code.ACCOUNTING_RESPONSE, [])],
)
def test_L120_L121_L125_to_L128_status_server(a_desk, kind, code, types):
    """
    Status-Server gets exactly one Access-Accept or Accounting-Response, with nothing but the signature in it.

    Other attributes in it are ignored: no handler sees it, and it counts as no request.
    """
    desk = a_desk(kind, reply=ACCEPT)
    request = status((1, b"alice"), (2, b"password"), (40, b"\0\0\0\x02"), (44, b"s"))

    (octets,) = desk.receive(request)
    answer = read_answer(octets, request, SECRET)
    assert (code, types) == (answer.code, [type for type, _ in answer.attributes])
    assert [] == desk.requests
    assert (0, 1, 0) == (desk.counts.requests, desk.counts.status_requests, desk.counts.responses)
    assert [octets] == desk.receive(request)


@pytest.mark.parametrize("kind", [PortKind.AUTH, PortKind.ACCT])
def test_L122_L123_L124_status_server_must_be_signed(a_desk, kind):
    """
    Status-Server without or with a wrong Message-Authenticator, or from a stranger, is silently discarded.
    """
    desk = a_desk(kind)

    assert [] == desk.receive(status(signs_message=False))
    assert [] == desk.receive(status(secret=b"a guess"))
    assert [] == desk.receive(status(), host="198.51.100.1")
    assert {
        Reason.STATUS_WITHOUT_MESSAGE_AUTHENTICATOR: 1,
        Reason.BAD_MESSAGE_AUTHENTICATOR: 1,
    } == desk.counts.discarded


@pytest.mark.parametrize("kind", [PortKind.AUTH, PortKind.ACCT])
def test_L129_status_server_while_nothing_can_be_written(a_desk, kind):
    """
    With the database down Status-Server is not answered as if all were well, and answered again after.
    """
    desk = a_desk(kind)
    desk.healthy = False

    assert [] == desk.receive(status())
    assert {Reason.UNHEALTHY: 1} == desk.counts.discarded
    desk.healthy = True
    assert 1 == len(desk.receive(status()))


def test_X04_the_log_is_limited_and_the_counters_are_not(a_desk):
    """
    Discards are logged at most once per reason and source in 10 s, with the number left out; all are counted.
    """
    desk = a_desk(PortKind.AUTH)
    for _ in range(50):
        desk.receive(b"")
    assert [0] == [line["suppressed"] for line in desk.lines]

    desk.receive(access((1, b"a"), signs_message=False))
    desk.receive(b"", host="192.0.2.2")
    assert 3 == len(desk.lines)

    desk.clock.advance(10)
    desk.receive(b"")
    assert {"event": "packet discarded", "reason": "too_short", "source": "192.0.2.1", "client": "sbc-1"} | {
        "suppressed": 49
    } == desk.lines[3]
    assert 52 == desk.counts.discarded[Reason.TOO_SHORT]


def test_X40_counters_add_up(a_desk):
    """
    Requests are duplicates, answers, discards and what is pending, as RFC 4669 and RFC 4671 want it.
    """
    desk = a_desk(PortKind.ACCT)
    for identifier in range(5):
        desk.receive(accounting((44, b"s"), identifier=identifier))
    desk.receive(accounting((44, b"s"), identifier=0))
    desk.receive(accounting((44, b"s"), secret=b"other"))
    desk.receive(b"\x04")
    desk.receive(access((1, b"a")))
    for answer in desk.answers[:3]:
        answer(RECORDED)
    desk.answers[3](None)

    counts = desk.counts
    assert (9, 1, 3) == (counts.requests, counts.duplicates, counts.responses)
    assert [0, 1, 1, 1, 1] == [counts.discards(kind) for kind in CountedAs]
    pending = counts.requests - counts.duplicates - counts.responses - sum(counts.discarded.values())
    assert 1 == pending


def test_nothing_is_sent_through_a_closed_port(a_desk):
    """
    An answer that is ready after the port has closed is dropped, and raises nothing.
    """
    desk = a_desk(PortKind.ACCT)
    desk.receive(accounting((44, b"s")))
    desk.port.transport = None
    desk.answers[0](RECORDED)

    assert [] == desk.sent
