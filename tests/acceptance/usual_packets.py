"""The requests that many conformance tests send."""

from __future__ import annotations

import os
from datetime import datetime

from tests.acceptance.lab import PASSWORD, USER
from tests.acceptance.wire import (
    ACCOUNTING_ON,
    ACCOUNTING_RESPONSE,
    ACCT_SESSION_ID,
    ACCT_STATUS_TYPE,
    EVENT_TIMESTAMP,
    INTERIM,
    USER_NAME,
    Sender,
    accounting,
    pap,
    tlv,
)


def login(sender: Sender, *more: bytes) -> bytes:
    """Return a right Access-Request about the user alone, with *more* attributes."""
    return pap(sender.secret, PASSWORD, tlv(USER_NAME, USER), *more)


def interim(sender: Sender, *more: bytes) -> bytes:
    """Return a right Accounting-Request of a call that nothing else is known of."""
    session_id = tlv(ACCT_SESSION_ID, f"interim-{os.urandom(4).hex()}")
    return accounting(sender.secret, tlv(ACCT_STATUS_TYPE, INTERIM), session_id, *more)


def boot(sender: Sender, status: int = ACCOUNTING_ON, *more: bytes) -> None:
    """Say that the switch has started, or is going down, and hear that we are heard."""
    packet = accounting(sender.secret, tlv(ACCT_STATUS_TYPE, status), tlv(ACCT_SESSION_ID, "boot"), *more)
    assert ACCOUNTING_RESPONSE == sender.ask(packet).code


def stamp(moment: datetime) -> bytes:
    """Return *moment* as Event-Timestamp."""
    return tlv(EVENT_TIMESTAMP, int(moment.timestamp()))
