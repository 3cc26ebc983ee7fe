"""Seen from outside: what is no packet, and what is not for us (L001 to L017)."""

from __future__ import annotations

import struct

import pytest

from tests.acceptance.lab import STRANGER, USER, Call, Lab
from tests.acceptance.usual_packets import interim, login
from tests.acceptance.wire import (
    ACCESS_ACCEPT,
    ACCESS_REJECT,
    ACCOUNTING_REQUEST,
    ACCOUNTING_RESPONSE,
    ACCT_SESSION_ID,
    ACCT_STATUS_TYPE,
    NAS_IDENTIFIER,
    NAS_IP_ADDRESS,
    START,
    STOP,
    UNSIGNED,
    USER_NAME,
    Sender,
    access,
    accounting,
    pap,
    tlv,
)

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]


@pytest.fixture(params=["127.0.0.1", "::1"], ids=["ipv4", "ipv6"])
def sender(lab: Lab, request: pytest.FixtureRequest) -> Sender:
    """A switch that need not sign its Access-Requests, over IPv4 and over IPv6."""
    return lab.sender("open", request.param)


def resized(packet: bytes, length: int) -> bytes:
    """Return *packet* with another Length field, unsigned."""
    return packet[:2] + struct.pack("!H", length) + packet[4:]


def filler(size: int) -> bytes:
    """Return attributes of *size* octets, more than 255, in all."""
    whole, rest = divmod(size, 255)
    half = (255 + rest) // 2  # so that the last two are neither too short nor too long
    return tlv(200, bytes(253)) * (whole - 1) + tlv(200, bytes(half - 2)) + tlv(200, bytes(253 + rest - half))


def test_L001_fewer_than_20_octets_are_dropped(sender: Sender) -> None:
    """
    What cannot even hold a header gets no answer, on either port.
    """
    for packet in (b"", b"\1", login(sender)[:19]):
        sender.get_nothing(packet, sender.auth_port)
        sender.get_nothing(packet, sender.acct_port)


def test_L002_a_datagram_shorter_than_its_length_field_is_dropped(sender: Sender) -> None:
    """
    A packet that was cut on its way is not guessed at.
    """
    sender.get_nothing(login(sender)[:-1])
    sender.get_nothing(interim(sender)[:-1])


def test_L003_a_length_field_below_20_is_dropped(sender: Sender) -> None:
    """
    The Length covers the header, so it cannot be less than that.
    """
    sender.get_nothing(resized(login(sender), 19))
    sender.get_nothing(resized(interim(sender), 0))


def test_L004_a_length_field_above_4096_is_dropped(sender: Sender) -> None:
    """
    No packet is longer than 4096 octets, even if so many came and it is rightly signed.
    """
    for packet in (login(sender, filler(4200)), interim(sender, filler(4200))):
        assert len(packet) > 4096
        sender.get_nothing(packet)


def test_L005_octets_beyond_the_length_field_are_ignored(sender: Sender) -> None:
    """
    What stands behind the packet is padding: neither read nor part of what is signed.
    """
    for packet, code in ((login(sender), ACCESS_ACCEPT), (interim(sender), ACCOUNTING_RESPONSE)):
        sender.send(packet + b"padding\0\1\2")
        answer = sender.receive(5)

        assert answer is not None
        assert code == answer.code
        assert answer.is_signed_for(packet, sender.secret)


def test_L006_a_packet_of_4096_octets_is_processed(sender: Sender) -> None:
    """
    The longest packet there may be is as good as any.
    """
    for request, code in ((login, ACCESS_ACCEPT), (interim, ACCOUNTING_RESPONSE)):
        packet = request(sender, filler(4096 - len(request(sender))))

        assert 4096 == len(packet)
        assert code == sender.ask(packet).code


@pytest.mark.parametrize("code", [0, 6, 13, 99, 255])
def test_L007_an_invalid_code_is_dropped(sender: Sender, code: int) -> None:
    """
    Codes that mean nothing to a server get no answer, however they are signed.
    """
    sender.get_nothing(access(sender.secret, UNSIGNED, code=code), sender.auth_port)
    sender.get_nothing(accounting(sender.secret, code=code), sender.acct_port)


@pytest.mark.parametrize("code", [2, 3, 5, 11])
def test_L008_answers_sent_to_a_server_are_dropped(sender: Sender, code: int) -> None:
    """
    A server answers requests only; else two of them could talk for ever.
    """
    sender.get_nothing(access(sender.secret, UNSIGNED, code=code), sender.auth_port)
    sender.get_nothing(accounting(sender.secret, code=code), sender.acct_port)


def test_L009_an_access_request_on_the_accounting_port_is_dropped(sender: Sender) -> None:
    """
    Passwords are checked on one port only.
    """
    sender.get_nothing(login(sender), sender.acct_port)


def test_L010_an_accounting_request_on_the_authentication_port_is_dropped(lab: Lab, sender: Sender) -> None:
    """
    A record sent to the wrong port is neither acknowledged nor kept.
    """
    call = Call(lab, sender)
    sender.get_nothing(call.packet(STOP, lasted_s=5), sender.auth_port)

    assert not lab.has_call(call.calling)


def test_L011_access_answers_are_signed_and_come_from_the_port_asked(sender: Sender) -> None:
    """
    Identifier, Length, Response Authenticator and source of Accept and Reject fit the request.
    """
    wrong = pap(sender.secret, b"wrong", tlv(USER_NAME, USER))
    for packet, code in ((login(sender), ACCESS_ACCEPT), (wrong, ACCESS_REJECT)):
        answer = sender.ask(packet)

        assert code == answer.code
        assert answer.is_signed_for(packet, sender.secret)
        assert (sender.server, sender.auth_port) == answer.source


def test_L012_accounting_answers_are_signed_and_come_from_the_port_asked(sender: Sender) -> None:
    """
    Identifier, Length, Response Authenticator and source of an Accounting-Response fit the request.
    """
    packet = interim(sender)
    answer = sender.ask(packet)

    assert ACCOUNTING_RESPONSE == answer.code
    assert answer.is_signed_for(packet, sender.secret)
    assert (sender.server, sender.acct_port) == answer.source


def test_L013_a_bare_access_request_is_not_accepted(sender: Sender) -> None:
    """
    Twenty octets ask for nothing and prove nothing, so there is nothing to accept.
    """
    assert ACCESS_REJECT == sender.ask(access(sender.secret)).code


@pytest.mark.parametrize("code", [40, 43], ids=["disconnect", "coa"])
def test_L014_coa_and_disconnect_requests_are_dropped(sender: Sender, code: int) -> None:
    """
    Those we send; a switch has none to send to us.
    """
    for port in (sender.auth_port, sender.acct_port):
        sender.get_nothing(accounting(sender.secret, tlv(ACCT_SESSION_ID, "x"), code=code), port)


def test_L015_a_stranger_gets_no_answer(lab: Lab) -> None:
    """
    An address that is no client's is not talked to, whatever secret it guesses.
    """
    stranger, client = lab.sender("open", STRANGER), lab.sender("open")
    for packet in (login(stranger), interim(stranger)):
        stranger.send(packet)
    client.ask(login(client))
    client.ask(interim(client))

    assert [] == stranger.collect(0.1)


def test_L016_the_secret_goes_by_the_source_address(lab: Lab) -> None:
    """
    NAS-IP-Address and NAS-Identifier do not choose it: who claims another's still needs his own secret.
    """
    other = lab.sender("other")
    claims = tlv(NAS_IP_ADDRESS, bytes((127, 0, 0, 1))), tlv(NAS_IDENTIFIER, "open")

    assert ACCOUNTING_RESPONSE == other.ask(interim(other, *claims)).code
    other.get_nothing(interim(lab.sender("open"), *claims))


def test_L017_an_accounting_request_signed_with_another_clients_secret_is_dropped(lab: Lab) -> None:
    """
    A secret is good for its own client only, and what it signs for another leaves no trace.
    """
    call = Call(lab, lab.sender("open"))
    lab.sender("other").get_nothing(call.packet(STOP, lasted_s=9))

    assert not lab.has_call(call.calling)


def test_an_accounting_request_has_code_4() -> None:
    """
    The tests' own builder writes what RFC 2866, 4.1 says, or all of the above would prove nothing.
    """
    packet = accounting(b"secret", tlv(ACCT_STATUS_TYPE, START))

    assert (ACCOUNTING_REQUEST, 26) == (packet[0], struct.unpack("!H", packet[2:4])[0])
