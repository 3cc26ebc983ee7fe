"""Seen from outside: RADIUS over TCP (L140 to L149)."""

from __future__ import annotations

import os
import struct

import pytest

from tests.acceptance.lab import STRANGER, Call, Lab
from tests.acceptance.stream_wire import Connection, StreamSender
from tests.acceptance.usual_packets import interim, login
from tests.acceptance.wire import (
    ACCESS_ACCEPT,
    MESSAGE_AUTHENTICATOR,
    STOP,
    UNSIGNED,
    USER_NAME,
    Answer,
    access,
    accounting,
    tlv,
)

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]


@pytest.fixture(params=["tcp", "tls"])
def sender(lab: Lab, request: pytest.FixtureRequest) -> StreamSender:
    """A switch that need not sign its Access-Requests, over TCP and inside TLS."""
    return lab.stream("open", tls=request.param == "tls")


def are_answered(connection: Connection, packets: list[bytes], secret: bytes) -> bool:
    """Tell whether each of *packets*, in whatever order, has its answer."""
    answers = {octets[1]: Answer(octets, ("", 0)) for octets in connection.packets(len(packets))}
    return all(answers[packet[1]].is_signed_for(packet, secret) for packet in packets)


def test_L140_two_requests_in_one_segment_are_both_answered(sender: StreamSender) -> None:
    """
    Where one ends the next begins.
    """
    packets = [login(sender), login(sender)]
    sender.connection().send(b"".join(packets))

    assert are_answered(sender.connection(), packets, sender.secret)


def test_L141_a_request_that_arrives_octet_by_octet_is_answered(sender: StreamSender) -> None:
    """
    However slowly it comes, it is one request.
    """
    packet = login(sender)
    for octet in packet:
        sender.connection().send(bytes((octet,)))

    assert are_answered(sender.connection(), [packet], sender.secret)


def test_L142_a_length_below_20_closes_the_connection(sender: StreamSender) -> None:
    """
    Nobody knows where the next packet would begin.
    """
    packet = login(sender)
    sender.connection().send(packet[:2] + struct.pack("!H", 19) + packet[4:])

    assert sender.connection().is_cut_off()


def test_L143_a_length_above_4096_closes_the_connection(sender: StreamSender) -> None:
    """
    Its rest is not waited for.
    """
    sender.connection().send(login(sender)[:2] + struct.pack("!H", 4097))

    assert sender.connection().is_cut_off()


@pytest.mark.parametrize("tail", [b"\x01\x00", b"\x01\x01", b"\x01\x04a", b"\x01"])
def test_L144_attributes_that_do_not_fill_the_packet_close_the_connection(
    sender: StreamSender, tail: bytes
) -> None:
    """
    A length of 0 or 1, one that overruns, a type without a length.
    """
    sender.connection().send(access(sender.secret, UNSIGNED, tail))

    assert sender.connection().is_cut_off()


def test_L145_a_wrong_signature_closes_the_connection(sender: StreamSender) -> None:
    """
    A wrong Message-Authenticator, and a wrong Request Authenticator, which leaves no record.
    """
    forged = access(sender.secret, tlv(USER_NAME, "alice"), tlv(MESSAGE_AUTHENTICATOR, os.urandom(16)))
    sender.connection().send(forged)
    assert sender.connection().is_cut_off()
    sender.close()
    sender.connection(sender.acct_port).send(accounting(b"another secret"))

    assert sender.connection(sender.acct_port).is_cut_off()


def test_L145_a_record_with_a_wrong_signature_is_not_kept(lab: Lab, sender: StreamSender) -> None:
    """
    Nothing of it.
    """
    call = Call(lab, sender)
    packet = call.packet(STOP, lasted_s=5)
    sender.get_nothing(packet[:4] + os.urandom(16) + packet[20:])

    assert not lab.has_call(call.calling)


def test_L146_a_connection_from_a_stranger_is_closed(lab: Lab) -> None:
    """
    Before it says anything.
    """
    stranger = lab.stream("open", STRANGER, tls=False)
    try:
        is_cut_off = stranger.connection().is_cut_off()
    except ConnectionResetError:  # sooner than it was told that it is connected
        is_cut_off = True

    assert is_cut_off


@pytest.mark.parametrize("code", [0, 6, 13, 99, 255])
def test_L147_an_invalid_code_is_discarded(sender: StreamSender, code: int) -> None:
    """
    Without an answer, and the connection goes on.
    """
    packet = login(sender)
    sender.connection().send(access(sender.secret, UNSIGNED, code=code) + packet)

    assert are_answered(sender.connection(), [packet], sender.secret)


def test_L148_fifty_requests_in_flight_on_one_connection_are_all_answered(sender: StreamSender) -> None:
    """
    Nobody waits for the answer to another.
    """
    packets = [interim(sender) for _ in range(50)]
    connection = sender.connection(sender.acct_port)
    connection.send(b"".join(packets))

    assert are_answered(connection, packets, sender.secret)


def test_L149_a_half_sent_request_blocks_no_other_connection(lab: Lab, sender: StreamSender) -> None:
    """
    Who waits, waits alone; and may go on later.
    """
    packet = login(sender)
    sender.connection().send(packet[:30])
    other = lab.stream("open", tls=True)

    assert ACCESS_ACCEPT == other.ask(login(other)).code
    sender.connection().send(packet[30:])
    assert are_answered(sender.connection(), [packet], sender.secret)
