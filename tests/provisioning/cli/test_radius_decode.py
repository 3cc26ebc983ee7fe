"""``radius decode``: packets from captures and texts, as the server would understand them."""

import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.captures.pcap import read_capture
from radiusd.errors import BadInput
from radiusd.radius.assigned import Attribute, Code
from radiusd.radius.packet import read_packet
from radiusd.radius.reply import Reply, integer, text, vendor_text
from radiusd.radius.request import Request
from radiusd.radius.signing import build_reply
from tests.provisioning.cli.conftest import Run

SECRET = b"0123456789abcdef"
START = Request(
    Code.ACCOUNTING_REQUEST,
    [
        integer(Attribute.ACCT_STATUS_TYPE, 1),
        text(Attribute.ACCT_SESSION_ID, "c1"),
        text(Attribute.CALLED_STATION_ID, "442071838750"),
        vendor_text(9, 26, "h323-call-origin=answer"),
        vendor_text(999, 1, "new"),
    ],
).sign(7, SECRET)
ASK = Request(
    Code.ACCESS_REQUEST,
    [text(Attribute.USER_NAME, "alice"), (Attribute.USER_PASSWORD, b"pssst")],
    signs_message=False,
).sign(8, SECRET)


def a_udp(payload: bytes, *, version: int = 4, ports: tuple[int, int] = (40000, 1813)) -> bytes:
    """An IP packet from .1 to .2 with *payload*."""
    segment = struct.pack(">HHHH", *ports, len(payload) + 8, 0) + payload
    if version == 4:
        head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(segment), 1, 0x4000, 64, 17, 0,
                           bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2)))  # fmt: skip
    else:
        addresses = bytes.fromhex("20010db8" + "0" * 23 + "1" + "20010db8" + "0" * 23 + "2")
        head = struct.pack(">IHBB", 6 << 28, len(segment), 17, 64) + addresses
    return head + segment


def a_frame(packet: bytes, vlan: bool = False) -> bytes:
    """An Ethernet frame with an IP packet."""
    kind = 0x0800 if packet[0] >> 4 == 4 else 0x86DD
    tag = struct.pack(">HH", 0x8100, 7) if vlan else b""
    return bytes(12) + tag + struct.pack(">H", kind) + packet


def a_pcap(*frames: bytes, order: str = "<") -> bytes:
    """A capture in libpcap's own format."""
    head = struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    return head + b"".join(
        struct.pack(order + "IIII", 1795356353, 70000, len(frame), len(frame)) + frame for frame in frames
    )


def a_pcapng(*frames: bytes) -> bytes:
    """A capture as Wireshark saves it."""

    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        size = struct.pack("<I", len(body) + 12)
        return struct.pack("<I", kind) + size + body + size

    section = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    interface = block(1, struct.pack("<HHI", 1, 0, 65535) + struct.pack("<HHB3xHH", 9, 1, 9, 0, 0))
    ticks = 1795356353 * 10**9 + 70_000_000
    packets = [
        block(6, struct.pack("<IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame)) + frame)
        for frame in frames
    ]
    return section + interface + b"".join(packets)


@pytest.fixture
def decode(run: Run, tmp_path: Path):
    """Decode *octets* by the dialect cisco, and return the packets as JSON tells them."""
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET + b"\n")

    def decode(octets: bytes, *words: str) -> list[dict]:
        path = tmp_path / "packets"
        path.write_bytes(octets)
        usual = ("--dialect", "cisco", "--secret-file", str(secret))
        result = run("radius", "decode", "--json", *(words or usual), str(path))
        assert 0 == result.exit_code, result.stderr
        return json.loads(result.stdout)["packets"]

    return decode


@pytest.mark.parametrize(
    "capture",
    [
        a_pcap(a_frame(a_udp(START))),
        a_pcap(a_frame(a_udp(START), vlan=True), order=">"),
        a_pcapng(a_frame(a_udp(START))),
    ],
    ids=["pcap", "pcap with VLAN, big-endian", "pcapng"],
)
def test_shows_what_a_capture_holds(decode, capture):
    """
    Way, time, attributes by name, the event, and what the dictionary does not know.
    """
    (packet,) = decode(capture)

    assert ("frame 1", "Accounting-Request", 7) == tuple(
        packet[name] for name in ("where", "packet", "identifier")
    )
    assert ("192.0.2.1:40000", "192.0.2.2:1813") == (packet["from"], packet["to"])
    assert "2026-11-22T14:05:53.070Z" == packet["received_at"]
    assert [
        ["Acct-Status-Type", "Start"],
        ["Acct-Session-Id", "c1"],
        ["Called-Station-Id", "442071838750"],
        ["h323-call-origin", "h323-call-origin=answer"],
        ["26.999.1", "new"],
    ] == packet["attributes"]
    event = packet["event"]
    assert ("start", "c1", "answer", "442071838750", "setup") == tuple(
        event[name] for name in ("kind", "call_id", "leg", "called", "status")
    )
    assert ["26.999.1: not in the dictionary of dialect cisco"] == packet["warnings"]


def test_ipv6_and_what_is_no_radius(decode):
    """
    A DNS query is passed over; a RADIUS packet on another port is found.
    """
    dns = a_udp(b"\x12\x34\x01\x00" + bytes(20), ports=(5000, 53))
    found = decode(a_pcap(a_frame(dns), a_frame(a_udp(START, version=6, ports=(5000, 11813)))))

    assert [("frame 2", "2001:db8::1:5000")] == [(packet["where"], packet["from"]) for packet in found]


def test_an_answer_is_checked_against_its_request(decode):
    """
    Only with the request's authenticator can an answer be believed.
    """
    reply = build_reply(read_packet(ASK), Reply(Code.ACCESS_ACCEPT), SECRET)
    forged = build_reply(read_packet(ASK), Reply(Code.ACCESS_ACCEPT), b"another secret")
    ask, answer, lie = decode(
        a_pcap(
            a_frame(a_udp(ASK, ports=(40000, 1812))),
            a_frame(a_udp(reply, ports=(1812, 40000)).replace(*_swapped())),
            a_frame(a_udp(forged, ports=(1812, 40000)).replace(*_swapped())),
        )
    )

    assert "no Message-Authenticator" in ask["warnings"][0]
    assert [] == answer["warnings"]
    assert "bad authenticator" in lie["warnings"][0]


def _swapped() -> tuple[bytes, bytes]:
    here, there = bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2))
    return here + there, there + here


def test_passwords_are_not_shown(decode):
    """
    Neither in clear nor as they came.
    """
    (packet,) = decode(ASK.hex().encode())

    assert ["User-Password", "(hidden)"] in packet["attributes"]


@pytest.mark.parametrize(
    "line", [START.hex(), f"0x{START.hex()}", START.hex(":"), f"  {START.hex(' ', 4)}  "]
)
def test_datagrams_in_hexadecimal_digits(decode, line):
    """
    One a line, with or without 0x; colons and blanks between the octets do not count.
    """
    (packet,) = decode(line.encode())

    assert "c1" == packet["event"]["call_id"]


def test_what_radclient_and_detail_files_hold(decode):
    """
    Names in any case, quotes, and what a server has added; a name that is unknown is told.
    """
    written = """
Sun Nov 22 14:05:53 2026
    Acct-Status-Type = Stop
    acct-session-id = "c2"
    Acct-Session-Time = 61,
    Cisco-AVPair += "in-trunkgroup-label=TG \\"1\\""
    Colour = red
    Acct-Unique-Session-Id = "5f"
    Timestamp = 1795356353

User-Name = alice
"""
    stop, ask = decode(written.encode(), "--dialect", "cisco")

    assert ("line 3", "Accounting-Request", "2026-11-22T14:05:53Z") == (
        stop["where"],
        stop["packet"],
        stop["received_at"],
    )
    assert ("c2", 61000, 'TG "1"') == tuple(
        stop["event"][name] for name in ("call_id", "duration_ms", "trunk_in")
    )
    assert ["attribute Colour is not in the dictionary; left out"] == stop["warnings"]
    assert ("Access-Request", "alice") == (ask["packet"], ask["event"]["username"])


@pytest.mark.parametrize(
    ("date", "octets"),
    [
        ("Nov 22 2026 14:05:53 UTC", "1795356353"),
        ("Nov. 22 2026 16:05:53 EET", "1795356353"),
        ("2026-11-22T14:05:53Z", "1795356353"),
        ("1795356353", "1795356353"),
    ],
)
def test_dates_as_freeradius_prints_them(decode, date, octets):
    """
    Event-Timestamp in its detail files; where nothing else does, it tells when the packet came.
    """
    written = f'Acct-Status-Type = Start\nAcct-Session-Id = "c2"\nEvent-Timestamp = "{date}"\n'

    [packet] = decode(written.encode(), "--dialect", "cisco")

    assert ["Event-Timestamp", octets] in packet["attributes"]
    assert ("2026-11-22T14:05:53Z", []) == (packet["received_at"], packet["warnings"])


def test_what_freeradius_says_of_its_work(decode):
    """
    The lines of ``radiusd -X``, old and new: requests with attributes by name or number, and no answers.
    """
    written = """
(31) Received Accounting-Request Id 97 from 192.0.2.7:1646 to 192.0.2.200:1813 length 716
(31)   Acct-Status-Type = Stop
(31)   Acct-Session-Id = "c3"
(31)   Acct-Session-Time = 61
(31)   Attr-26.9.30 = 0x3130
(31) # Executing section preacct from file /etc/freeradius/sites-enabled/default
(31) Sent Accounting-Response Id 97 from 192.0.2.200:1813 to 192.0.2.7:1646 length 20
(31)   Reply-Message = "thanks"
(31) Finished request
rad_recv: Access-Request packet from host 192.0.2.7 port 60567, id=180, length=332
        User-Name = "alice"
        Vendor-9-Attr-26 = answer
        Attr-300 = 0x00
Sending Access-Reject of id 180 to 192.0.2.7 port 60567
        Reply-Message = "no"
"""
    stop, ask = decode(written.encode(), "--dialect", "cisco")

    assert ("stop", "c3", 61000, 16) == tuple(
        stop["event"][name] for name in ("kind", "call_id", "duration_ms", "cause")
    )
    assert ("Access-Request", "alice", "answer") == (
        ask["packet"],
        ask["event"]["username"],
        ask["event"]["leg"],
    )
    assert ["attribute Attr-300: neither its number nor its length may be that large; left out"] == (
        ask["warnings"]
    )


def test_says_what_is_wrong_with_a_packet(decode, run, tmp_path):
    """
    Another secret, a length that is impossible, an event that cannot be booked.
    """
    forged = Request(Code.ACCOUNTING_REQUEST, [integer(Attribute.ACCT_STATUS_TYPE, 9)]).sign(1, b"other")
    cut = START[:2] + b"\x0f\xff" + START[4:]

    wrong, broken = decode(f"{forged.hex()}\n{cut.hex()}\n".encode())

    assert "bad authenticator" in wrong["warnings"][0]
    assert "acknowledged, and not booked: Acct-Status-Type 9" in wrong["warnings"][1]
    assert ("malformed", ["no answer: shorter_than_length"]) == (broken["packet"], broken["warnings"])


def test_reads_as_a_client_that_is_provisioned(run, config, tmp_path):
    """
    Its dialect, its settings and its secret; as lines for people.
    """
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET)
    added = run(
        *("client", "add", "gw1", "--networks", "192.0.2.1", "--secret-file", str(secret)),
        *("--dialect", "cisco", "--settings", "trunk_in_from=26.999.1"),
    )
    assert 0 == added.exit_code, added.stderr

    result = run("radius", "decode", "--client", "gw1", stdin=START.hex())

    assert 0 == result.exit_code, result.stderr
    lines = result.stdout.splitlines()
    assert "line 1, Accounting-Request, identifier 7" == lines[0]
    assert "  Acct-Status-Type = Start" in lines
    assert "    trunk_in = new" in lines
    assert "  warning: 26.999.1: not in the dictionary of dialect cisco" in lines
    assert 3 == run("radius", "decode", "--client", "gw2", stdin=START.hex()).exit_code


def a_question(*attributes):
    """A signed question in hexadecimal digits, for a call to London."""
    usual = [text(Attribute.USER_NAME, "alice"), text(Attribute.CALLED_STATION_ID, "442071838750")]
    return Request(Code.ACCESS_REQUEST, [*usual, *attributes]).sign(9, SECRET).hex().encode()


DIGEST = [
    (206, b"0123456789abcdef0123456789abcdef"),
    (207, b"\x0a\x07alice\x01\x0dexample.com"),
    (207, b"\x02\x04n1\x03\x08INVITE\x04\x09sip:a@b"),
]


@pytest.mark.parametrize(
    ("attributes", "proof"),
    [
        ([], "refused: no_credentials"),
        ([integer(Attribute.SERVICE_TYPE, 10)], "none: it asks about a call only"),
        ([(Attribute.USER_PASSWORD, b"pssst")], "a password (PAP)"),
        ([(Attribute.CHAP_PASSWORD, bytes(17))], "a password (CHAP)"),
        ([(108, b"INVITE"), (109, b"sip:a@b")], "none yet: it is given a challenge"),
        ([(Attribute.EAP_MESSAGE, b"x")], "refused: eap_not_supported"),
    ],
)
def test_says_how_a_user_is_proved(decode, attributes, proof):
    """
    As far as it can be told without the user's password.
    """
    (packet,) = decode(a_question(*attributes))

    assert proof == packet["proof"]


def test_shows_a_digest_of_the_older_kind(decode):
    """
    What stands inside attribute 207 has names, too.
    """
    (packet,) = decode(a_question(*DIGEST), "--dialect", "yate")

    shown = [value for name, value in packet["attributes"] if name == "Digest-Attributes"]
    assert "Digest-User-Name = alice, Digest-Realm = example.com" == shown[0]
    assert "digest of alice, written as sterman" == packet["proof"]


@pytest.mark.parametrize(
    ("link", "head"),
    [
        (0, b"\2\0\0\0"),  # loopback of BSD
        (101, b""),  # IP alone
        (113, bytes(14) + b"\x08\x00"),  # Linux, any interface
        (276, b"\x08\x00" + bytes(18)),  # the same, second form
    ],
)
def test_captures_of_other_links(decode, link, head):
    """
    What tcpdump writes on the interface "any", on a tunnel, and on other systems.
    """
    capture = a_pcap(head + a_udp(START))

    (packet,) = decode(capture[:20] + struct.pack("<I", link) + capture[24:])

    assert "c1" == packet["event"]["call_id"]


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"", "no packet in it"),
        (b"hello world\n", "no packet in it"),
        (b"\xff\xfe\xfd", "octet 0 is no text and the file is no capture"),
        (a_pcap(a_frame(a_udp(b"x", ports=(1, 2)))), "no RADIUS packet among the 1 whole UDP datagrams"),
        (a_pcap(a_frame(a_udp(START)))[:-3], "frame 1: the capture ends within it"),
        (a_pcapng(a_frame(a_udp(START)))[:-3], "was the file cut off?"),
    ],
)
def test_what_is_no_packet_is_told(run, tmp_path, octets, words):
    """
    With the file's name, and what would be right.
    """
    path = tmp_path / "packets"
    path.write_bytes(octets)

    result = run("radius", "decode", "--dialect", "cisco", str(path))

    assert 4 == result.exit_code
    assert str(path) in result.stderr
    assert words in result.stderr


def test_a_client_or_a_dialect(run):
    """
    One of both is needed, and a dialect that exists.
    """
    assert 2 == run("radius", "decode", stdin="00").exit_code
    assert 2 == run("radius", "decode", "--client", "a", "--dialect", "cisco", stdin="00").exit_code
    assert 3 == run("radius", "decode", "--dialect", "siscoo", stdin="00").exit_code


@given(st.data())
def test_no_capture_breaks_the_reader(data):
    """
    Octets changed anywhere, and the end cut off: datagrams, or one clear error.
    """
    octets = bytearray(data.draw(st.sampled_from([a_pcap, a_pcapng]))(a_frame(a_udp(START))))
    for _ in range(data.draw(st.integers(0, 8))):
        octets[data.draw(st.integers(4, len(octets) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(4, len(octets)))
    try:
        list(read_capture(bytes(octets[:cut])))
    except BadInput as error:
        assert str(error)
