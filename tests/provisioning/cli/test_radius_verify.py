"""``radius verify``: packets in files, what comes out differently, and what is wrong with a file."""

import json
from pathlib import Path
from typing import Any

import pytest

from radiusd.radius.assigned import Attribute, Code
from radiusd.radius.reply import ReplyAttribute, integer, text
from radiusd.radius.request import Request

SECRET = "testing123"


def a_datagram(*attributes: ReplyAttribute, secret: str = SECRET) -> str:
    """A signed Accounting-Request in hexadecimal digits."""
    return Request(Code.ACCOUNTING_REQUEST, list(attributes)).sign(7, secret.encode()).hex()


def a_stop(seconds: int = 61, secret: str = SECRET) -> str:
    """The Stop of a call to London that lasted *seconds*."""
    return a_datagram(
        integer(Attribute.ACCT_STATUS_TYPE, 2),
        text(Attribute.ACCT_SESSION_ID, "c1"),
        text(Attribute.CALLED_STATION_ID, "442071838750"),
        integer(Attribute.ACCT_SESSION_TIME, seconds),
        secret=secret,
    )


def a_packet(**fields: Any) -> dict[str, Any]:
    """A packet of a file."""
    return {
        "code": "Accounting-Request",
        "received_at": "2026-11-22T14:07:05Z",
        "source_ip": "192.0.2.7",
        "hex": a_stop(),
        "expect": {"event": "stop", "called": "442071838750", "duration": 61, "calling": None},
        **fields,
    }


@pytest.fixture
def write(tmp_path: Path):
    """Write a file with one case of *packets*."""

    def write(*packets: dict[str, Any], **case: Any) -> str:
        path = tmp_path / "sender.json"
        whole = {"id": "c-01", "client": {}, "secret": SECRET, "packets": packets, **case}
        path.write_text(json.dumps({"dialect": "rfc2866", "format": 1, "cases": [whole]}))
        return str(path)

    return write


def test_a_case_passes_whose_packets_mean_what_it_says(run, write):
    """
    Fields, the call that the packets add up to, and nothing where nothing is expected.
    """
    call = {"calls_counted": 1, "channels_now": 0, "legs": 1, "billable_seconds": 61, "status": "answered",
            "billable_seconds_between": [60, 62], "called": "442071838750"}  # fmt: skip
    result = run("radius", "verify", write(a_packet(), expect_call=call))

    assert (0, "1 passed, 0 failed\n") == (result.exit_code, result.stdout)


def test_each_difference_is_a_line(run, write):
    """
    Case, packet, field, what was expected and what came out.
    """
    path = write(
        a_packet(expect={"duration": 62, "calling": "15551230000", "colour": "red"}),
        expect_call={"billable_seconds": 62, "moon": 1},
    )

    result = run("radius", "verify", path)

    assert 1 == result.exit_code
    assert [
        f"{path}: c-01 packet 0: duration: expected 62, got 61",
        f"{path}: c-01 packet 0: calling: expected 15551230000, got nothing",
        f"{path}: c-01 packet 0: colour: expected red, got no such field",
        f"{path}: c-01 call: billable_seconds: expected 62, got 61",
        f"{path}: c-01 call: moon: expected 1, got no such value",
        "0 passed, 1 failed",
    ] == result.stdout.splitlines()


def test_json_says_the_same(run, write):
    """
    One document: counts, and the differences of each case.
    """
    result = run("radius", "verify", "--json", write(a_packet(expect={"duration": 62})))

    told = json.loads(result.stdout)
    assert (0, 1) == (told["passed"], told["failed"])
    assert [{"packet": 0, "field": "duration", "expected": 62, "got": 61}] == told["cases"][0]["differences"]


def test_a_packet_that_must_be_dropped_is_dropped(run, write):
    """
    One that another secret signed gets no answer; one that is right is not dropped.
    """
    forged = a_packet(hex=a_stop(secret="another"), expect={"discard": True})

    assert 0 == run("radius", "verify", write(forged)).exit_code
    result = run("radius", "verify", write(a_packet(expect={"discard": True})))
    assert "discard: expected True, got answered, as an event" in result.stdout
    result = run("radius", "verify", write(a_packet(hex=a_stop(secret="another"))))
    assert "expected an event, got discarded: bad_request_authenticator" in result.stdout


@pytest.mark.parametrize("name", ["ignored", "no_call"])
def test_what_tells_of_no_call_makes_none(run, write, name):
    """
    It is answered, and no call is counted.
    """
    tunnel = a_datagram(integer(Attribute.ACCT_STATUS_TYPE, 9))

    result = run(
        "radius", "verify", write(a_packet(hex=tunnel, expect={name: True}), expect_call={"calls_counted": 0})
    )

    assert 0 == result.exit_code, result.stdout
    assert 1 == run("radius", "verify", write(a_packet(expect={name: True}))).exit_code


def test_a_captured_packet_needs_no_expectation(run, tmp_path):
    """
    It passes when it is read; which dialect says its sender's name.
    """
    path = tmp_path / "captured.json"
    captured = {"sender": "kamailio-trunk", "packet": "Stop", "udp_payload_hex": a_stop(), "secret": SECRET}
    path.write_text(json.dumps(captured))

    assert "1 passed, 0 failed\n" == run("radius", "verify", str(path)).stdout
    path.write_text(json.dumps({**captured, "secret": "wrong"}))
    result = run("radius", "verify", str(path))
    assert "kamailio-trunk.Stop packet 0: packet: expected an event" in result.stdout


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{", ":1: not JSON"),
        ("[]", "$: needs an object with dialect and cases"),
        ("{}", "$: needs cases (a fixture file) or udp_payload_hex"),
        ('{"dialect": "siscoo", "cases": [1]}', "$.dialect: needs one of"),
        ('{"dialect": "cisco", "cases": []}', "$.cases: needs a list with at least one member"),
        ('{"dialect": "cisco", "cases": [1]}', "$.cases[0]: needs an object"),
        ('{"dialect": "cisco", "cases": [{"packets": [{}]}]}', "$.cases[0].secret: needs the shared secret"),
        (
            '{"dialect": "cisco", "cases": [{"secret": "x", "packets": [{"hex": "0g"}]}]}',
            "$.cases[0].packets[0].hex: needs the whole datagram in hexadecimal digits",
        ),
        (
            '{"dialect": "cisco", "cases": [{"secret": "x", "packets": [{"received_at": "noon"}]}]}',
            '$.cases[0].packets[0].received_at: needs a time as 2026-11-22T14:05:53.090Z, not "noon"',
        ),
        (
            '{"dialect": "cisco", "cases": [{"secret": "x", "packets": [{"source_ip": "here"}]}]}',
            '$.cases[0].packets[0].source_ip: needs an IP address, not "here"',
        ),
        (
            '{"dialect": "cisco", "cases": [{"secret": "x", "packets": [{"code": "Hello"}]}]}',
            "$.cases[0].packets[0].code: needs a number or one of Access-Request",
        ),
        ('{"sender": "pbx", "secret": "x", "udp_payload_hex": ""}', "$.sender: needs a name that begins"),
    ],
)
def test_a_bad_file_is_named_with_the_place(run, tmp_path, document, words):
    """
    File, JSON path, what should stand there and what does.
    """
    path = tmp_path / "bad.json"
    path.write_text(document)

    result = run("radius", "verify", str(path))

    assert 4 == result.exit_code
    assert f"tollwire: {path}" in result.stderr
    assert words in result.stderr


def test_a_bad_client_setting_fails_its_case(run, write):
    """
    The settings of a case are checked as those of a client are.
    """
    result = run("radius", "verify", write(a_packet(), client={"duration_unit": "fortnights"}))

    assert "c-01 call: client: expected good settings, got setting duration_unit:" in result.stdout


def test_a_case_in_another_unit(run, write):
    """
    A case's client settings count.
    """
    result = run(
        "radius", "verify", write(a_packet(expect={"duration": 0.061}), client={"duration_unit": "ms"})
    )

    assert 0 == result.exit_code, result.stdout
