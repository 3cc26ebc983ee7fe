"""``radius test``: what is sent, how the answer is shown, and what is said when there is none."""

import json
import socket
import threading
from contextlib import contextmanager

import pytest

from provisioning.cli.errors import Exit
from provisioning.cli.radius import open_dictionary
from provisioning.cli.radius_answer import named_attributes
from radiusd.radius.assigned import Attribute, Code
from radiusd.radius.packet import Packet, read_packet
from radiusd.radius.passwords import Chap, Pap, read_password
from radiusd.radius.reply import Reply, integer, text, vendor_text
from radiusd.radius.signing import build_reply, verify_request_authenticator

SECRET = b"0123456789abcdef"
CISCO = 9


@contextmanager
def answering(reply):
    """A server on loopback that gives one answer; yield its port and the list of what it got."""
    got: list[Packet] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(20)

        def serve():
            datagram, sender = server.recvfrom(4096)
            got.append(read_packet(datagram))
            server.sendto(build_reply(got[0], reply, SECRET), sender)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1], got
        finally:
            thread.join()


@pytest.fixture
def secret(tmp_path):
    """A file with the shared secret, as an editor leaves it."""
    path = tmp_path / "secret"
    path.write_bytes(SECRET + b"\n")
    return str(path)


def test_shows_an_accept_by_the_names_of_its_attributes(run, secret):
    """
    An accepted attempt exits 0 and shows each attribute by its name in the dictionary.
    """
    reply = Reply(
        Code.ACCESS_ACCEPT,
        [integer(Attribute.SESSION_TIMEOUT, 600), vendor_text(CISCO, 103, "h323-return-code=0")],
    )
    with answering(reply) as (port, got):
        result = run(
            *("radius", "test", "auth", "127.0.0.1", "--port", str(port), "--secret-file", secret),
            *("--from", "15550100", "--to", "442071838750", "--user", "alice", "--attr", "NAS-Port=7"),
        )

    assert Exit.OK == result.exit_code, result.stderr
    lines = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert ("Access-Accept", "600") == (lines["answer"], lines["Session-Timeout"])
    assert "h323-return-code=0" == lines["h323-return-code"]
    (sent,) = got
    assert ("alice", "15550100", "442071838750", 7) == (
        sent.text(Attribute.USER_NAME),
        sent.text(Attribute.CALLING_STATION_ID),
        sent.text(Attribute.CALLED_STATION_ID),
        sent.integer(Attribute.NAS_PORT),
    )
    assert sent.first(Attribute.MESSAGE_AUTHENTICATOR) is not None


def test_a_reject_exits_1(run, secret):
    """
    A refused attempt exits 1 and shows the reason.
    """
    reply = Reply(Code.ACCESS_REJECT, [text(Attribute.REPLY_MESSAGE, "503 full (trunk_full)")])
    with answering(reply) as (port, _):
        result = run(
            *("radius", "test", "auth", "127.0.0.1", "--port", str(port), "--secret-file", secret, "--json")
        )

    assert Exit.DIFFERS == result.exit_code
    told = json.loads(result.stdout)
    assert "Access-Reject" == told["answer"]
    assert "503 full (trunk_full)" == told["attributes"]["Reply-Message"]


def test_asks_whether_a_server_is_there(run, secret):
    """
    Status-Server, signed; the answer exits 0.
    """
    with answering(Reply(Code.ACCESS_ACCEPT)) as (port, got):
        result = run(
            "radius", "test", "status", "127.0.0.1", "--port", str(port), "--secret-file", secret, "--json"
        )

    assert (Exit.OK, "Access-Accept") == (result.exit_code, json.loads(result.stdout)["answer"])
    assert Code.STATUS_SERVER == got[0].code
    assert [Attribute.MESSAGE_AUTHENTICATOR] == [kind for kind, _ in got[0].attributes]


@pytest.mark.parametrize(("option", "kind"), [((), Pap), (("--chap",), Chap)])
def test_proves_a_password(run, secret, tmp_path, option, kind):
    """
    The password in a file goes out hidden by PAP, or as a proof by CHAP; the server can check either.
    """
    (tmp_path / "pw").write_text("open sesame\n")
    with answering(Reply(Code.ACCESS_ACCEPT)) as (port, got):
        run(
            *("radius", "test", "auth", "127.0.0.1", "--port", str(port), "--secret-file", secret),
            *("--user", "alice", "--password-file", "pw", *option),
        )

    password = read_password(got[0], SECRET)
    assert isinstance(password, kind)
    assert password.matches(b"open sesame")
    assert b"open sesame" not in got[0].raw


def test_reports_a_call(run, secret):
    """
    An Accounting-Request has status, session and seconds, and is signed; its acknowledgement exits 0.
    """
    with answering(Reply(Code.ACCOUNTING_RESPONSE)) as (port, got):
        result = run(
            *("radius", "test", "acct", "127.0.0.1", "--port", str(port), "--secret-file", secret),
            *("--status", "Stop", "--session", "4711", "--seconds", "61"),
        )

    assert (Exit.OK, "answer  Accounting-Response\n") == (result.exit_code, result.stdout)
    (sent,) = got
    assert verify_request_authenticator(sent.raw, SECRET)
    assert (2, "4711", 61) == (
        sent.integer(Attribute.ACCT_STATUS_TYPE),
        sent.text(Attribute.ACCT_SESSION_ID),
        sent.integer(Attribute.ACCT_SESSION_TIME),
    )


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--attr", "NAS-Port"), Exit.USAGE, "NAME=VALUE"),
        (("--attr", "=5"), Exit.USAGE, "NAME=VALUE"),
        (("--attr", "No-Such-Attribute=5"), Exit.CONFLICT, "No-Such-Attribute"),
        (("--attr", "NAS-Port=many"), Exit.CONFLICT, "NAS-Port"),
        (("--attr", "NAS-IP-Address=300.1.1.1"), Exit.CONFLICT, "NAS-IP-Address"),
        (("--user", "x" * 300), Exit.CONFLICT, "User-Name"),
        (("--dictionary", "../../etc/passwd"), Exit.CONFLICT, "rfc2866"),
        (("--chap",), Exit.USAGE, "--password-file"),
        (("--port", "0"), Exit.USAGE, "--port"),
    ],
)
def test_bad_input_names_what_is_wrong(run, secret, words, code, says):
    """
    Nothing is sent, and the message names the option or the attribute.
    """
    result = run("radius", "test", "auth", "127.0.0.1", "--secret-file", secret, *words)

    assert code == result.exit_code
    assert says in result.stderr


def test_an_empty_secret_is_no_secret(run, tmp_path):
    """
    A file without a secret is told as such.
    """
    (tmp_path / "empty").write_text("\n")

    result = run("radius", "test", "acct", "127.0.0.1", "--secret-file", "empty")

    assert Exit.CONFLICT == result.exit_code
    assert "--secret-file" in result.stderr


def test_nobody_there_is_unreachable(run, secret):
    """
    A port where nothing listens ends with 69 and says so.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])

    result = run("radius", "test", "acct", "127.0.0.1", "--port", port, "--secret-file", secret)

    assert Exit.UNREACHABLE == result.exit_code
    assert port in result.stderr


def test_names_whatever_comes():
    """
    Repeated, unknown and malformed attributes are shown too, the last two in numbers and hex.
    """
    attributes = [
        (int(Attribute.REPLY_MESSAGE), b"one"),
        (int(Attribute.REPLY_MESSAGE), b"two"),
        (int(Attribute.SESSION_TIMEOUT), b"\x01"),  # not four octets
        (250, b"\xff\x00"),
        (int(Attribute.VENDOR_SPECIFIC), b"\x00\x00\x00\x07\x05\x03x"),
        (int(Attribute.ACCT_STATUS_TYPE), b"\x00\x00\x00\x02"),
    ]

    assert {
        "Reply-Message": ["one", "two"],
        "Session-Timeout": "0x01",
        "#250": "0xff00",
        "Acct-Status-Type": "Stop",
        "26.7.5": "x",
    } == named_attributes(open_dictionary("rfc2866"), Packet(2, 1, bytes(16), b"", attributes))
