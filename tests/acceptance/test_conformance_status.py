"""Seen from outside: Status-Server (L120 to L128)."""

from __future__ import annotations

import os

import pytest

from tests.acceptance.lab import STRANGER, USER, Call, Lab
from tests.acceptance.wire import (
    ACCESS_ACCEPT,
    ACCOUNTING_RESPONSE,
    ACCT_STATUS_TYPE,
    MESSAGE_AUTHENTICATOR,
    REPLY_MESSAGE,
    STATUS_SERVER,
    STOP,
    USER_NAME,
    USER_PASSWORD,
    Sender,
    access,
    status,
    tlv,
)

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]


@pytest.fixture(params=["ipv4", "ipv6", "tcp"])
def sender(lab: Lab, request: pytest.FixtureRequest) -> Sender:
    """A switch that asks whether we are there, over each transport that has a port for each kind."""
    return lab.sender_over(request.param, "open")


def test_L120_on_the_authentication_port_the_answer_is_an_accept(sender: Sender) -> None:
    """
    We are there and would answer.
    """
    assert ACCESS_ACCEPT == sender.ask(status(sender.secret)).code


def test_L121_on_the_accounting_port_the_answer_is_an_accounting_response(sender: Sender) -> None:
    """
    We are there and would record.
    """
    assert ACCOUNTING_RESPONSE == sender.ask(status(sender.secret), sender.acct_port).code


def test_L122_without_a_signature_it_is_dropped(sender: Sender) -> None:
    """
    Nothing else in it is signed, so anybody could have sent it.
    """
    for port in (sender.auth_port, sender.acct_port):
        sender.get_nothing(access(sender.secret, code=STATUS_SERVER), port)


def test_L123_with_a_wrong_signature_it_is_dropped(sender: Sender) -> None:
    """
    One octet is enough.
    """
    forged = access(sender.secret, tlv(MESSAGE_AUTHENTICATOR, os.urandom(16)), code=STATUS_SERVER)
    for port in (sender.auth_port, sender.acct_port):
        sender.get_nothing(forged, port)


def test_L124_from_a_stranger_it_is_dropped(lab: Lab) -> None:
    """
    An address that is no client's learns not even that there is a server.
    """
    stranger, client = lab.sender("open", STRANGER), lab.sender("open")
    for port in (stranger.auth_port, stranger.acct_port):
        stranger.send(status(stranger.secret), port)
        client.ask(status(client.secret), port)

    assert [] == stranger.collect(0.05)


def test_L125_there_is_exactly_one_answer(sender: Sender) -> None:
    """
    One to each, and none later.
    """
    for port in (sender.auth_port, sender.acct_port):
        sender.ask(status(sender.secret), port)

    assert [] == sender.collect(0.1)


def test_L126_what_else_it_holds_is_ignored(lab: Lab, sender: Sender) -> None:
    """
    A user with a wrong password is not rejected, and a Stop is not recorded.
    """
    call = Call(lab, sender)
    login = status(sender.secret, tlv(USER_NAME, USER), tlv(USER_PASSWORD, bytes(16)))
    stop = status(sender.secret, tlv(ACCT_STATUS_TYPE, STOP), tlv(44, call.session_id), *call.identity())

    assert ACCESS_ACCEPT == sender.ask(login).code
    assert ACCOUNTING_RESPONSE == sender.ask(stop, sender.acct_port).code
    assert not lab.has_call(call.calling)


def test_L127_the_answer_holds_next_to_nothing(sender: Sender) -> None:
    """
    On the authentication port a text and the signature at most, on the accounting port nothing.
    """
    accept = sender.ask(status(sender.secret))
    response = sender.ask(status(sender.secret), sender.acct_port)

    assert set() == {number for number, _ in accept.attributes} - {REPLY_MESSAGE, MESSAGE_AUTHENTICATOR}
    assert [] == response.attributes


def test_L128_the_accept_is_signed_first_of_all(sender: Sender) -> None:
    """
    Message-Authenticator is right and stands first, as in the answer to an Access-Request.
    """
    packet = status(sender.secret)

    assert sender.ask(packet).message_authenticator_is_right(packet, sender.secret)
