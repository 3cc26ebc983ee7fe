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
    One document: counts, the differences of each case, and what was read of each packet.
    """
    result = run("radius", "verify", "--json", write(a_packet(expect={"duration": 62})))

    told = json.loads(result.stdout)
    assert (0, 1) == (told["passed"], told["failed"])
    (case,) = told["cases"]
    assert [{"packet": 0, "field": "duration", "expected": 62, "got": 61}] == case["differences"]
    assert ("stop", "c1", 61000) == tuple(
        case["packets"][0]["event"][name] for name in ("kind", "call_id", "duration_ms")
    )


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


def a_question(*attributes: ReplyAttribute) -> str:
    """An Access-Request of alice about a call to London."""
    usual = [text(Attribute.USER_NAME, "alice"), text(Attribute.CALLED_STATION_ID, "442071838750")]
    request = Request(Code.ACCESS_REQUEST, [*usual, *attributes], signs_message=False)
    return request.sign(7, SECRET.encode()).hex()


STERMAN = [
    (206, b"0123456789abcdef0123456789abcdef"),
    (207, b"\x0a\x07alice"),
    (207, b"\x01\x0dexample.com"),
    (207, b"\x02\x04n1"),
    (207, b"\x03\x08INVITE"),
    (207, b"\x04\x0asip:a@b "),
]


@pytest.mark.parametrize(
    ("attributes", "expect"),
    [
        (STERMAN, {"digest": True, "auth_method": "digest"}),
        (STERMAN, {"digest": "draft-sterman", "auth_method": "INVITE"}),
        (STERMAN, {"digest": {"Digest-Realm": "example.com", "user": "alice", "qop": None}}),
        ([], {"digest": False, "auth_method": "none"}),
        ([(Attribute.USER_PASSWORD, b"x")], {"auth_method": "pap"}),
        ([(Attribute.CHAP_PASSWORD, bytes(17))], {"auth_method": "chap"}),
    ],
)
def test_how_a_user_is_proved(run, write, attributes, expect):
    """
    In words or field by field; what is wrong is told with what is there.
    """
    question = {"code": "Access-Request", "hex": a_question(*attributes)}

    right = run("radius", "verify", write(a_packet(**question, expect={"event": "authorize", **expect})))
    assert 0 == right.exit_code, right.stdout
    wrong = run("radius", "verify", write(a_packet(**question, expect={"auth_method": "kerberos"})))
    assert "auth_method: expected kerberos, got " in wrong.stdout


@pytest.mark.parametrize(
    ("replies", "passes"),
    [
        ("Accept: h323-return-code=0, h323-credit-time=<s>", True),
        ("Accept: h323-return-code=0; Reject: h323-return-code=<code>, Reply-Message=402 <text>", True),
        ("Accept: h323-return-code=7", False),
        ("Reject: Reply-Message=503 <text>", False),
        ({"accept": {"Session-Timeout": 3600, "h323-credit-time": "<s>"}}, True),
        ({"accept": [["Session-Timeout", 3600]]}, True),
        ({"accept": {"Filter-Id": "x"}}, False),
        ({"accept": None}, False),
        ({"accept": ["Session-Timeout"]}, False),
        (7, False),
    ],
)
def test_replies_have_the_forms_that_a_sender_reads(run, write, replies, passes):
    """
    In words, what is sent must have the form; as an object, all of it must be sent.
    """
    result = run("radius", "verify", write(a_packet(), replies=replies))

    assert passes is (0 == result.exit_code), result.stdout
    assert passes or "replies: " in result.stdout


def test_a_question_holds_a_channel_until_its_call_ends(run, write):
    """
    Question, Start and Stop of one id are one call.
    """
    told = [text(Attribute.ACCT_SESSION_ID, "c1"), text(Attribute.CALLED_STATION_ID, "442071838750")]
    told.append(text(Attribute.CALLING_STATION_ID, "15551230000"))
    question = a_packet(hex=a_question(*told), code="Access-Request", expect={"event": "authorize"})
    start = a_datagram(integer(Attribute.ACCT_STATUS_TYPE, 1), *told)
    stop = a_datagram(
        integer(Attribute.ACCT_STATUS_TYPE, 2), integer(Attribute.ACCT_SESSION_TIME, 61), *told
    )
    packets = [question, a_packet(hex=start, expect={}), a_packet(hex=stop, expect={})]

    for count, call in enumerate(
        (
            {"calls_counted": 0, "channels_now": 1},
            {"calls_counted": 1, "channels_now": 1, "status": "answered"},
            {"calls_counted": 1, "channels_now": 0, "billable_seconds": 61},
        ),
        1,
    ):
        result = run("radius", "verify", write(*packets[:count], expect_call=call))
        assert 0 == result.exit_code, result.stdout


def test_a_boot_ends_the_calls_from_before(run, write):
    """
    Accounting-On is no call, and leaves none up.
    """
    start = a_datagram(integer(Attribute.ACCT_STATUS_TYPE, 1), text(Attribute.ACCT_SESSION_ID, "c1"))
    boot = a_datagram(integer(Attribute.ACCT_STATUS_TYPE, 7))
    packets = [
        a_packet(hex=start, expect={}, received_at="2026-11-22T14:00:00Z"),
        a_packet(hex=boot, expect={"event": "accounting-on", "no_call": True}),
    ]

    result = run("radius", "verify", write(*packets, expect_call={"calls_counted": 1, "channels_now": 0}))

    assert 0 == result.exit_code, result.stdout


def test_a_client_may_have_to_sign_its_questions(run, write):
    """
    What is dropped for want of a Message-Authenticator is dropped here, too; a flag is true or false.
    """
    question = a_packet(hex=a_question(), code="Access-Request", expect={"discard": True})
    flag = "require_message_authenticator"

    assert 0 == run("radius", "verify", write(question, client={flag: True})).exit_code
    assert 1 == run("radius", "verify", write(question)).exit_code
    result = run("radius", "verify", write(question, client={flag: "maybe"}))
    assert f'$.cases[0].client.{flag}: needs true or false, not "maybe"' in result.stderr


def test_a_proxy_speaks_for_several_switches(run, write):
    """
    The same session id of two switches is two calls.
    """

    def stop(nas):
        return a_datagram(
            integer(Attribute.ACCT_STATUS_TYPE, 2),
            text(Attribute.ACCT_SESSION_ID, "c1"),
            text(Attribute.NAS_IDENTIFIER, nas),
            integer(Attribute.ACCT_SESSION_TIME, 61),
        )

    packets = [a_packet(hex=stop(nas), expect={"event": "stop"}) for nas in ("north", "south", "north")]
    for is_proxy, calls in ((True, 2), (False, 1)):
        path = write(*packets, client={"is_proxy": is_proxy}, expect_call={"calls_counted": calls})
        assert 0 == run("radius", "verify", path).exit_code


def test_what_cannot_be_read_costs_no_other_packet_case_or_file(run, write, tmp_path):
    """
    Each is told with file, packet and field; the other packets, cases and files are compared all the same.
    """
    wrong = a_packet(expect={"duration": 62})
    path = write(a_packet(hex="0g"), wrong, a_packet(received_at="noon"), expect_call={"calls_counted": 9})
    more = json.loads(Path(path).read_text())
    more["cases"] += [{"id": "c-02", "packets": [a_packet()]}, {**more["cases"][0], "packets": [a_packet()]}]
    more["cases"] += [{**more["cases"][0], "packets": [wrong], "expect_call": 7}]
    more["cases"][2]["expect_call"] = {"calls_counted": 1}
    Path(path).write_text(json.dumps(more))
    broken, missing = tmp_path / "broken.json", tmp_path / "missing.json"
    broken.write_text("{")

    result = run("radius", "verify", str(broken), path, str(missing))

    assert 4 == result.exit_code
    told = [
        f"{broken}:1: not JSON",
        f"{path}: $.cases[0].packets[0].hex: needs the whole datagram",
        f"{path}: $.cases[0].packets[2].received_at: needs a time",
        f"{path}: $.cases[1].secret: needs the shared secret",
        f"{path}: $.cases[3].expect_call: needs an object",
        f"{missing}: No such file",
    ]
    for line, words in zip(result.stderr.splitlines(), told, strict=True):
        assert line.startswith(f"tollwire: {words}")
    assert [
        f"{path}: c-01 packet 1: duration: expected 62, got 61",
        f"{path}: c-01 packet 0: duration: expected 62, got 61",
        "1 passed, 3 failed",
    ] == result.stdout.splitlines()


def test_json_tells_what_cannot_be_read_in_its_case(run, write):
    """
    And as an error, like every other one.
    """
    result = run("radius", "verify", "--json", write(a_packet(hex="0g"), a_packet()))

    assert 4 == result.exit_code
    (case,) = json.loads(result.stdout)["cases"]
    assert ([], False) == (case["differences"], case["passed"])
    assert "$.cases[0].packets[0].hex" in case["problems"][0]
    assert case["problems"][0] == json.loads(result.stderr)["error"]["message"]
