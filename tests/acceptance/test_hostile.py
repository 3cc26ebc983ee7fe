"""Rightly signed nonsense from every dialect's clients: all of it is answered, and nothing breaks."""

from __future__ import annotations

import json
import os
import random

import pytest

from tests.acceptance.lab import PASSWORD, USER, Call, Lab, durations_s
from tests.acceptance.wire import (
    ACCESS_ACCEPT,
    ACCESS_CHALLENGE,
    ACCESS_REJECT,
    ACCOUNTING_RESPONSE,
    ACCT_SESSION_ID,
    ACCT_STATUS_TYPE,
    STOP,
    UNSIGNED,
    access,
    accounting,
    pap,
    tlv,
    vsa,
)

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

PACKETS = int(os.environ.get("TOLLWIRE_HOSTILE_PACKETS", "200"))
SEED = int(os.environ.get("TOLLWIRE_HOSTILE_SEED", "1"))
CISCO = 9
# Attributes that some dialect reads, and numbers that nobody has.
NUMBERS = [1, 4, 5, 6, 8, 25, 30, 31, 32, 33, 41, 42, 44, 46, 49, 50, 52, 55, 61, 87, 95, 101, 224, 241]
NUMBERS += [*range(103, 123), 200, 206, 207]
VENDOR_NUMBERS = [1, 2, 23, 24, 25, 26, 27, 28, 29, 30, 31, 33, 101, 102, 103, 109, 110, 141, 250]
VENDOR_NAMES = [
    *("h323-setup-time", "h323-connect-time", "h323-disconnect-time", "h323-conf-id", "h323-call-origin"),
    *("h323-call-type", "h323-disconnect-cause", "h323-remote-address", "call-id", "src-ip", "h323-ivr-out"),
]
VALUES = [
    *(b"", b"\0", b"alice", b"alice\0", b"+442079460000", b"442079460000", b"15550000001", b"sip:@", b"sip:"),
    *(b"\xff\xfe\xfd", b"\xed\xa0\x80", "\N{PILE OF POO}".encode(), "١٢٣".encode(), "²".encode(), b"\\u0000"),
    *(
        b'"',
        b"'",
        b"{}",
        b"}{",
        b"%s",
        b"$1",
        b"\\",
        b"\\x00",
        b"\r\n",
        b"\x1b[2J",
        b"NULL",
        b"NaN",
        b"Infinity",
    ),
    *(
        b"-1",
        b"0",
        b"1e309",
        b"9" * 253,
        b"4" * 40,
        b"0x",
        b"::1",
        b"127.0.0.1:5060",
        b"[::1",
        b"fe80::1%eth0",
    ),
    *(
        b"12:00:00.000 UTC Thu Nov 26 2026",
        b"*99:99:99.999 XXX Foo Bar 99 99999",
        b"00:00:00.000 UTC Jan 1 0000",
    ),
    *(b"2026-11-26T12:00:00Z", b"9999-12-31T23:59:59+15:00", b"0001-01-01T00:00:00-15:00", b"4294967295"),
    *(
        b"answer",
        b"originate",
        b"callback",
        b"tw1:" + b"0" * 32 + b"-0",
        b"tw1:",
        b"0 0 0 0",
        b"F" * 32,
        b"10",
    ),
    *(
        b"INVITE",
        b"BYE",
        b"200",
        b"a=b",
        b"h323-setup-time=",
        b"x" * 253,
        bytes(4),
        b"\xff" * 4,
        b"\x7f" + b"\xff" * 3,
    ),
]


def nonsense(chance: random.Random) -> bytes:
    """Return one attribute that looks a little like a real one."""
    value = chance.choice(VALUES) if chance.randrange(4) else chance.randbytes(chance.randrange(60))
    if chance.randrange(3):
        return tlv(chance.choice(NUMBERS), value[:253])
    name = chance.choice(VENDOR_NAMES).encode() + b"=" if chance.randrange(3) else b""
    inner = (name + value)[:247]
    length = len(inner) + 2 if chance.randrange(10) else chance.randrange(256)
    return vsa(CISCO, bytes((chance.choice(VENDOR_NUMBERS), length)) + inner)


def several(chance: random.Random) -> list[bytes]:
    """Return some attributes, those that make a call of it among them more often than not."""
    found = [nonsense(chance) for _ in range(chance.randrange(1, 14))]
    if chance.randrange(5):
        status = chance.choice([1, 1, 2, 2, 2, 3, 7, 8, 15, 99])
        found.append(tlv(ACCT_STATUS_TYPE, status))
    if chance.randrange(3):
        found.append(tlv(ACCT_SESSION_ID, f"hostile-{chance.randrange(40)}"))
    chance.shuffle(found)
    return found


@pytest.mark.parametrize("client", ["generic", "cisco", "kamailio"])
def test_nonsense_in_accounting_is_acknowledged(lab: Lab, client: str) -> None:
    """
    Whatever is rightly signed: kept, or ignored for a reason, but never sent again for ever.
    """
    chance = random.Random(f"{SEED} accounting {client}")
    sender = lab.sender(client)
    for _ in range(PACKETS):
        packet = accounting(sender.secret, *several(chance))

        assert ACCOUNTING_RESPONSE == sender.ask(packet).code, packet.hex()
    see_that_all_is_well(lab)


@pytest.mark.parametrize("client", ["generic", "cisco", "kamailio"])
def test_nonsense_in_access_requests_is_answered(lab: Lab, client: str) -> None:
    """
    With a right password, a wrong one, or none.
    """
    chance = random.Random(f"{SEED} access {client}")
    sender = lab.sender(client)
    for _ in range(PACKETS):
        kind = chance.randrange(3)
        if kind == 0:
            packet = access(sender.secret, UNSIGNED, *several(chance))
        else:
            packet = pap(sender.secret, (PASSWORD, b"wrong")[kind - 1], tlv(1, USER), *several(chance))

        assert sender.ask(packet).code in (ACCESS_ACCEPT, ACCESS_REJECT, ACCESS_CHALLENGE), packet.hex()
    see_that_all_is_well(lab)


def see_that_all_is_well(lab: Lab) -> None:
    """See to it that nothing broke, that an honest call still counts, and that the books are right."""
    broken = [
        line for line in lab.server.log().splitlines() if '"level":"error"' in line or not is_json(line)
    ]
    assert [] == broken[:3]
    call = Call(lab, lab.sender("open"))
    call.tell(STOP, lasted_s=5)
    assert [5] == durations_s(call.records())
    lab.server.check_books()


def is_json(line: str) -> bool:
    """Tell whether a line of the log is whole, and not a piece of a traceback."""
    try:
        json.loads(line)
    except ValueError:
        return False
    return True
