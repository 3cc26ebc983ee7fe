"""What a port lets through, what it drops without a word, and how it counts them."""

import pytest

from radiusd.radius.admission import PortKind
from radiusd.radius.discards import CountedAs, Reason
from radiusd.radius.packet import read_packet
from radiusd.radius.signing import pack_attributes
from tests.radiusd.radius.requests import ACCEPT, RECORDED, access, accounting, signed_body


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
