"""
Every published and captured packet of every sender, sent to a running server as the datagram that it was.

tests/vectors/dialects holds them. Each dialect has a client of its own on a loopback address.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from radiusd.dialects.registry import DIALECTS
from radiusd.storage.postgres import EmbeddedPostgres
from tests.acceptance.lab import PASSWORD, USER, Lab, begin
from tests.acceptance.process import Server
from tests.acceptance.wire import (
    ACCESS_ACCEPT,
    ACCESS_REJECT,
    ACCESS_REQUEST,
    ACCOUNTING_RESPONSE,
    ACCT_SESSION_ID,
    ACCT_SESSION_TIME,
    ACCT_STATUS_TYPE,
    CALLED_STATION_ID,
    CALLING_STATION_ID,
    START,
    STOP,
    USER_NAME,
    USER_PASSWORD,
    Sender,
    access,
    accounting,
    hide,
    pack,
    pap,
    tlv,
    vsa,
)

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

FOLDER = Path(__file__).parents[1] / "vectors" / "dialects"
SECRET = b"testing123"
ADDRESSES = {dialect: f"127.0.2.{number}" for number, dialect in enumerate(DIALECTS, 1)}
OTHERS = {"sippy-wary": "127.0.2.201"}
TRUNK = "198.51.100.77"
SITE = f"""
[[ip]]
account = "acme"
network = "{TRUNK}/32"
plan = "basic"
activated = 2020-01-01
"""
CLIENT = """
[[client]]
name = "a-{name}"
networks = ["{address}"]
secret = "testing123"
dialect = "{dialect}"
digest = "proxy"
require_message_authenticator = false
{more}
"""


@pytest.fixture(scope="module")
def lab(server: Server) -> Iterator[Lab]:
    """A server whose clients speak every dialect there is."""
    clients = [CLIENT.format(name=name, address=at, dialect=name, more="") for name, at in ADDRESSES.items()]
    wary = {"name": "sippy-wary", "address": OTHERS["sippy-wary"], "dialect": "sippy"}
    clients.append(CLIENT.format(more='call_check = "never"', **wary))
    begin(server, "\n".join(clients) + SITE)
    lab = Lab(server, EmbeddedPostgres(server.home / "db").dsn)
    yield lab
    lab.close()


def a_sender(lab: Lab, client: str) -> Sender:
    address = ADDRESSES.get(client) or OTHERS[client]
    return Sender(address, SECRET, lab.server.auth_port, lab.server.acct_port)


def datagrams() -> Iterator[tuple[str, str, bytes]]:
    """Yield dialect, name and octets of every packet; a captured one is told by the dialect's name."""
    for path in sorted(FOLDER.glob("*.json")):
        told: Any = json.loads(path.read_text(encoding="utf-8"))
        dialect = path.stem.removesuffix("-captured")
        if isinstance(told, list):
            for case in told:
                for number, packet in enumerate(case["packets"]):
                    yield dialect, f"{case['id']}-{number}", bytes.fromhex(packet["hex"])
        elif dialect in DIALECTS:
            for packet in told["packets"]:
                yield dialect, f"{packet['sender']}.{packet['packet']}", bytes.fromhex(packet["hex"])


@pytest.mark.parametrize("dialect", sorted({dialect for dialect, _, _ in datagrams()} & set(DIALECTS)))
def test_every_datagram_is_answered(lab: Lab, dialect: str) -> None:
    """
    What a switch reports is acknowledged, whatever it is; what it asks is decided.
    """
    sender = a_sender(lab, dialect)
    told = [packet for name, _, packet in datagrams() if name == dialect]

    for packet in told:
        answer = sender.ask(packet)
        expected = (ACCESS_ACCEPT, ACCESS_REJECT) if packet[0] == ACCESS_REQUEST else (ACCOUNTING_RESPONSE,)
        assert answer.code in expected
    sender.close()


def question(password: bytes, user: str = TRUNK, secret: bytes = SECRET) -> bytes:
    """Return how Sippy asks about the trunk at the address *user*."""
    authenticator = os.urandom(16)
    return pack(
        ACCESS_REQUEST,
        authenticator,
        secret,
        tlv(USER_NAME, user),
        tlv(USER_PASSWORD, hide(secret, authenticator, password)),
        tlv(CALLING_STATION_ID, "15550009999"),
        tlv(CALLED_STATION_ID, "442079460000"),
        vsa(9, bytes((1, 30)) + b"call-id=" + os.urandom(10).hex().encode()),
        vsa(9, bytes((23, 35)) + f"h323-remote-address={TRUNK}".encode()),
    )


@pytest.mark.parametrize(
    ("client", "password", "user", "code"),
    [
        ("sippy", b"cisco", TRUNK, ACCESS_ACCEPT),
        ("portasip", b"cisco", TRUNK, ACCESS_ACCEPT),
        ("sippy", b"sesame", TRUNK, ACCESS_REJECT),
        # A person's name with the well-known password is a guess.
        ("sippy", b"cisco", USER, ACCESS_REJECT),
        ("sippy-wary", b"cisco", TRUNK, ACCESS_REJECT),
        ("cisco", b"cisco", TRUNK, ACCESS_REJECT),
    ],
)
def test_a_trunk_is_asked_for_by_its_address(
    lab: Lab, client: str, password: bytes, user: str, code: int
) -> None:
    """
    The password is the same everywhere; that it is hidden rightly shows the shared secret, and no more.
    """
    sender = a_sender(lab, client)

    assert code == sender.ask(question(password, user)).code
    sender.close()


def md5(*parts: str) -> str:
    return hashlib.md5(":".join(parts).encode()).hexdigest()


def sub(number: int, value: str) -> bytes:
    return bytes((number, len(value) + 2)) + value.encode()


@pytest.mark.parametrize("in_one", [True, False])
@pytest.mark.parametrize("qop", ["", "auth"])
@pytest.mark.parametrize("dialect", ["sippy", "opensips", "kamailio"])
@pytest.mark.parametrize("password", [PASSWORD.decode(), "wrong"])
def test_a_digest_as_proxies_send_it(lab: Lab, dialect: str, qop: str, in_one: bool, password: str) -> None:
    """
    206 and 207 of the draft before RFC 5090: with and without qop, in one attribute or one for each part.
    """
    ha1, ha2 = md5(USER, "sip.example", password), md5("INVITE", "sip:442079460000@sip.example")
    fresh = ["00000001", "c0ffee", qop] if qop else []
    response = md5(ha1, "n0nce", *fresh, ha2)
    parts = [sub(10, USER), sub(1, "sip.example"), sub(2, "n0nce"), sub(3, "INVITE")]
    parts += [sub(4, "sip:442079460000@sip.example"), sub(6, "MD5")]
    parts += [sub(5, qop), sub(9, "00000001"), sub(8, "c0ffee")] if qop else []
    packet = access(
        SECRET,
        tlv(USER_NAME, USER),
        *([tlv(207, b"".join(parts))] if in_one else [tlv(207, part) for part in parts]),
        tlv(206, response),
        tlv(CALLING_STATION_ID, "15550000001"),
        tlv(CALLED_STATION_ID, "442079460000"),
        vsa(9, bytes((1, 30)) + b"call-id=" + os.urandom(10).hex().encode()),
    )
    sender = a_sender(lab, dialect)

    answer = sender.ask(packet)

    assert (ACCESS_ACCEPT if password != "wrong" else ACCESS_REJECT) == answer.code
    sender.close()


def written(vendor: int, number: int, value: str) -> bytes:
    """Attribute *number* of *vendor*; 0: a plain one."""
    if not vendor:
        return tlv(number, value)
    return vsa(vendor, bytes((number, len(value) + 2)) + value.encode())


@pytest.mark.parametrize(
    ("dialect", "asked_by", "told_by"),
    [
        # IOS asks before the call by its session id, and reports it by its conference.
        ("cisco", [(0, ACCT_SESSION_ID, "{id}")], [(9, 24, "{conf}"), (0, ACCT_SESSION_ID, "{id}")]),
        # A voice menu asks by h323-conf-id; the records go by the incoming one.
        (
            "cisco",
            [(9, 24, "h323-conf-id={conf}")],
            [(9, 24, "{conf}"), (9, 1, "h323-incoming-conf-id=1 2 3 {id}"), (0, ACCT_SESSION_ID, "{id}-A")],
        ),
        (
            "mvts",
            [(9, 1, "h323-incoming-conf-id={conf}")],
            [
                (9, 1, "xpgk-record-id=r-{id}"),
                (9, 1, "h323-incoming-conf-id={conf}"),
                (0, ACCT_SESSION_ID, "r-{id}-AV1"),
            ],
        ),
    ],
)
def test_a_call_that_is_asked_for_by_another_id_is_one_call(
    lab: Lab, dialect: str, asked_by: list[tuple[int, int, str]], told_by: list[tuple[int, int, str]]
) -> None:
    """
    Its question, its Start and its Stop hold one channel and make one record, without our Class as well.
    """
    sender, calling, own_id = a_sender(lab, dialect), lab.new_number(), os.urandom(4).hex().upper()
    ids = {"id": own_id, "conf": " ".join([own_id] * 4)}
    who = [tlv(USER_NAME, USER), tlv(CALLING_STATION_ID, calling), tlv(CALLED_STATION_ID, "442079460000")]
    asked, told = (
        [*who, *(written(vendor, number, value.format(**ids)) for vendor, number, value in attributes)]
        for attributes in (asked_by, told_by)
    )

    assert ACCESS_ACCEPT == sender.ask(pap(SECRET, PASSWORD, *asked)).code
    for status, more in ((START, ()), (STOP, (tlv(ACCT_SESSION_TIME, 7),))):
        assert 1 == lab.open_calls(calling)
        leg = written(9, 26, "answer")
        packet = accounting(SECRET, tlv(ACCT_STATUS_TYPE, status), leg, *told, *more)
        assert ACCOUNTING_RESPONSE == sender.ask(packet).code
    sender.close()

    assert (0, [7000]) == (lab.open_calls(calling), [each.duration_ms for each in lab.records(calling)])
