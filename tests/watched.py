"""Packets of a client as servers write them while somebody watches, for tests of who reads them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime, timedelta

from radiusd.radius.assigned import Attribute, Code
from radiusd.radius.packet import read_packet
from radiusd.radius.passwords import hide_password
from radiusd.radius.reply import Reply
from radiusd.radius.request import Request
from radiusd.radius.signing import build_reply
from radiusd.storage.database import BlockingConnection, finish
from radiusd.storage.ids import RANDOM_BYTES, uuid7
from radiusd.storage.secrets import Sealer
from radiusd.storage.watches import PacketRow, write_packets

PASSWORD = b"open sesame"
Row = tuple[bytes, bytes, str, str]  # request, answer, what became of it, and why


def packets_of_a_call(secret: bytes) -> list[Row]:
    """Return a question with a password that was refused, a Stop that was recorded, and a forged one."""
    asks = (int(Attribute.USER_NAME), b"alice")
    plain = Request(Code.ACCESS_REQUEST, [asks], True).sign(7, secret)
    hidden = hide_password(PASSWORD, secret, read_packet(plain).authenticator)
    question = Request(Code.ACCESS_REQUEST, [asks, (int(Attribute.USER_PASSWORD), hidden)], True)
    stop = [(40, bytes((0, 0, 0, 2))), (44, b"london-1"), (46, bytes((0, 0, 0, 61)))]
    numbers = [(31, b"15550100"), (30, b"442071838750")]
    rows = [
        (question.sign(7, secret), Reply(Code.ACCESS_REJECT), "answered", ""),
        (
            Request(Code.ACCOUNTING_REQUEST, stop + numbers, False).sign(8, secret),
            Reply(Code.ACCOUNTING_RESPONSE),
            "answered",
            "",
        ),
        (
            Request(Code.ACCOUNTING_REQUEST, stop, False).sign(9, b"another secret"),
            None,
            "dropped",
            "bad_request_authenticator",
        ),
    ]
    return [
        (request, build_reply(read_packet(request), reply, secret) if reply else b"", outcome, reason)
        for request, reply, outcome, reason in rows
    ]


def write(dsn: str, sealer: Sealer, client_id: int, rows: Iterable[Row], at: datetime) -> None:
    """Write *rows*, a second apart from *at* on, as a server does."""
    made = []
    for number, (request, reply, outcome, reason) in enumerate(rows):
        came = at + timedelta(seconds=number)
        made.append(
            PacketRow(
                client_id=client_id,
                id=str(uuid7(came, os.urandom(RANDOM_BYTES))),
                at=came,
                port_kind="auth" if request[0] == Code.ACCESS_REQUEST else "acct",
                host="10.0.0.1",
                port=1645,
                outcome=outcome,
                reason=reason,
                took_us=1500,
                request=sealer.seal(request),
                reply=sealer.seal(reply) if reply else b"",
            )
        )
    with closing(BlockingConnection(dsn)) as connection:
        finish(write_packets(connection, made, {}))
