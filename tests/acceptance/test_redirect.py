"""The SIP redirect authorizer: callers ask by INVITE, and get what an Access-Request would have got."""

from __future__ import annotations

import random
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

import bench
from bench.processes import free_tcp_ports
from radiusd.storage.postgres import EmbeddedPostgres
from tests.acceptance.lab import Lab, eventually
from tests.acceptance.process import COMMAND, Server
from tests.acceptance.redirect_site import (
    CHANNELS,
    CONFIGURATION,
    EDGE,
    LOGINS,
    PASSWORD,
    PBX,
    PHONES,
    REALM,
    SBC,
    SECRET,
    SILENT,
    SITE,
    STRANGER,
    USER,
)
from tests.acceptance.sip_wire import Caller, SipAnswer, SipCall
from tests.acceptance.wire import (
    ACCOUNTING_RESPONSE,
    ACCT_SESSION_ID,
    ACCT_SESSION_TIME,
    ACCT_STATUS_TYPE,
    CALLED_STATION_ID,
    CALLING_STATION_ID,
    START,
    STOP,
    Sender,
    accounting,
    tlv,
)
from tests.packages import skip_without

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]
SCENARIO = Path(bench.__file__).with_name("sipp") / "redirected.xml"


@pytest.fixture(scope="module")
def port() -> int:
    """The server's SIP port, for UDP and TCP."""
    (port,) = free_tcp_ports(1)
    return port


@pytest.fixture(scope="module")
def redirects(server: Server, port: int) -> Iterator[Lab]:
    """The server with SIP ports in two workers, and a way into its books."""
    server.more = CONFIGURATION.format(port=port)
    server.configure(workers=2)
    server.apply(SITE)
    server.start(TOLLWIRE__REJECT_DELAY_S="0")
    lab = Lab(server, EmbeddedPostgres(server.home / "db").dsn)
    yield lab
    server.check_books()
    lab.close()


@pytest.fixture
def caller(redirects: Lab, port: int) -> Iterator[Callable[[str], Caller]]:
    """Return a socket on an address."""
    made: list[Caller] = []

    def caller(source: str) -> Caller:
        made.append(Caller(source, port))
        return made[-1]

    yield caller
    for one in made:
        one.close()


def is_known(one: Caller) -> bool:
    """Tell whether OPTIONS is answered by 200."""
    one.send(SipCall("442079460000").message("OPTIONS"))
    answer = one.receive(0.5)
    return answer is not None and 200 == answer.status


def over(trunk: str, called: str = "442079460000") -> SipCall:
    """Return a call over a trunk that a header names."""
    return SipCall(called, headers=[f"X-Trunk-Group: {trunk}"])


def answered(answer: SipAnswer) -> tuple[int, str]:
    """Return status and account of an answer."""
    return answer.status, answer.header("X-Tollwire-Account")


def test_an_accepted_call_is_redirected_and_held(redirects: Lab, caller: Callable[[str], Caller]) -> None:
    """
    To the configured next hop, with the account and the longest duration for who routes it.
    """
    answer = caller(SBC).invite(over("wide"))

    assert (302, "<sip:442079460000@gw1.example.net:5080>") == (answer.status, answer.header("Contact"))
    assert ((302, "acme"), "14400") == (answered(answer), answer.header("X-Tollwire-Max-Duration"))
    call_id = answer.header("X-Tollwire-Call")
    assert [("authorized",)] == redirects.query("SELECT state FROM session WHERE call_id = %s", call_id)


def test_without_a_next_hop_it_goes_where_it_was_going(caller: Callable[[str], Caller]) -> None:
    """
    The address names the account, and a tech prefix another one, which has no money.
    """
    plain, prefixed = SipCall("442079460000", host="gw9.example:5071"), SipCall("7701442079460000")
    edge = caller(EDGE)

    assert "<sip:442079460000@gw9.example:5071>" == edge.invite(plain).header("Contact")
    assert 402 == edge.invite(prefixed).status


@pytest.mark.parametrize(
    ("call", "status", "text"),
    [
        (over("broke"), 402, "No credit (no_balance)"),
        (over("nobody's"), 403, "Caller not recognised (unknown_caller)"),
        (over("wide", "99155"), 404, "No rate for this destination (no_rate)"),
        (over("coming"), 480, "Service not active (not_active)"),
        (over("wide", "442079468600"), 486, "All channels of the called party in use (called_busy)"),
    ],
)
def test_a_refusal_has_code_text_and_word_of_the_table(
    caller: Callable[[str], Caller], call: SipCall, status: int, text: str
) -> None:
    """
    The same as an Access-Reject has.
    """
    answer = caller(SBC).invite(call)

    assert (status, text.partition(" (")[0]) == (answer.status, answer.reason)
    assert f'SIP;cause={status};text="{text}"' == answer.header("Reason")


def test_a_number_counts_where_it_was_checked(caller: Callable[[str], Caller]) -> None:
    """
    What a PBX asserts names the account, whatever From claims; without it From is what it asserts.
    """
    identity = 'P-Asserted-Identity: "A" <sip:15550000001@pbx.example>'
    asserted = SipCall("442079460000", "anonymous", [identity])

    assert (302, "acme") == answered(caller(PBX).invite(asserted))
    assert (302, "acme") == answered(caller(PBX).invite(SipCall("442079460000", "15550000001")))
    refused = caller(PBX).invite(SipCall("442079460000", "anonymous"))
    assert 404 == refused.status  # as this client's settings have it
    assert 'SIP;cause=404;text="Caller not recognised (unknown_caller)"' == refused.header("Reason")
    assert 403 == caller(SBC).invite(SipCall("442079460000", "15550000001")).status


@pytest.mark.parametrize("called", ["", "4420794%0060000", "44%0D%0A207"])
def test_a_number_that_two_might_read_in_two_ways_is_nobodys(
    caller: Callable[[str], Caller], called: str
) -> None:
    """
    Else it could be rated as one and dialled as another; also for a caller who proves a password.
    """
    assert 400 == caller(PHONES).invite(SipCall(called)).status


def test_a_full_trunk_is_full(caller: Callable[[str], Caller]) -> None:
    """
    Its last channel is given once, and a call that asks again takes no second one.
    """
    sbc = caller(SBC)
    calls = [over("narrow") for _ in range(CHANNELS + 1)]
    assert [302] * CHANNELS == [sbc.invite(call).status for call in calls[:CHANNELS]]
    again = calls[0]
    again.number, again.branch = 2, again.branch + "x"

    assert 302 == sbc.invite(again).status
    full = sbc.invite(calls[-1])
    assert (503, True) == (full.status, "(trunk_full)" in full.header("Reason"))


def test_a_call_that_comes_back_is_in_a_loop(redirects: Lab, caller: Callable[[str], Caller]) -> None:
    """
    The next hop has sent it to us: it is told so, and holds what it held before.
    """
    sbc, call = caller(SBC), over("wide")
    sent = sbc.invite(call)
    call.host = sent.header("Contact").strip("<>").partition("@")[2]
    call.branch, call.hops = call.branch + "x", 68

    back = sbc.invite(call)

    assert (302, 482, "Loop Detected") == (sent.status, back.status, back.reason)
    held = redirects.query(
        "SELECT count(*) FROM session s JOIN call c USING (call_id) WHERE c.facts::text LIKE %s",
        f"%{call.call_id}%",
    )
    assert [(1,)] == held


def test_a_call_is_not_redirected_to_us(redirects: Lab, caller: Callable[[str], Caller], port: int) -> None:
    """
    Whoever asks for us as the place to go to, or may not go further, gets no channel.
    """
    before = redirects.query("SELECT count(*) FROM session")
    ours = SipCall("442079460000", host=f"127.0.0.1:{port}")
    far = over("wide")
    far.hops = 0

    assert 482 == caller(EDGE).invite(ours).status
    refused = caller(SBC).invite(far)
    assert (483, "Too Many Hops") == (refused.status, refused.reason)
    assert before == redirects.query("SELECT count(*) FROM session")


def test_a_next_hop_that_is_this_server_is_found_by_a_check(redirects: Lab, port: int) -> None:
    """
    With the client's name and what to do; the file alone is right.
    """
    server = redirects.server
    server.run("client", "set", "silent", "--sip-next-hop", f"127.0.0.1:{port}")
    command = [str(COMMAND), "serve", "--check", "--config", str(server.config)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    server.run("serve", "--check", "--file-only")
    server.run("client", "set", "silent", "--sip-next-hop", "gw1.example.net")
    server.run("serve", "--check")

    assert f"client silent: sip_next_hop 127.0.0.1:{port} is this server" in told.stderr
    assert 78 == told.returncode


@pytest.mark.parametrize(("source", "status"), [(PHONES, 407), (LOGINS, 401)])
def test_who_is_asked_for_a_password_must_prove_it(
    caller: Callable[[str], Caller], source: str, status: int
) -> None:
    """
    Challenge, right answer, a recorded answer played again, a wrong one, one for another target.
    """
    one, call = caller(source), SipCall("442079460000")
    asked = one.invite(call)
    right = call.credentials(asked, USER, PASSWORD, REALM)
    assert status == asked.status
    assert (302, "acme") == answered(one.invite(call, right))
    replay = SipCall("442079460000")
    assert 403 == one.invite(replay, right).status
    wrong = SipCall("442079460000")
    assert 403 == one.invite(wrong, wrong.credentials(one.invite(wrong), USER, "guess", REALM)).status
    other = SipCall("442079460001")
    stolen = SipCall("442079460000").credentials(one.invite(other), USER, PASSWORD, REALM)
    other.branch, other.number = other.branch + "y", 2

    assert 403 == one.invite(other, stolen).status


def test_accounting_frees_the_channel(redirects: Lab, caller: Callable[[str], Caller]) -> None:
    """
    Start confirms the call of the same Call-ID, Stop books it, and the channel is free for the next.
    """
    sbc, call = caller(SBC), over("reported")
    call.calling = redirects.new_number()
    assert 302 == sbc.invite(call).status
    assert 503 == sbc.invite(over("reported")).status
    switch = Sender(SBC, SECRET, redirects.server.auth_port, redirects.server.acct_port)
    for status, more in ((START, b""), (STOP, tlv(ACCT_SESSION_TIME, 61))):
        told = accounting(
            SECRET,
            tlv(ACCT_STATUS_TYPE, status),
            tlv(ACCT_SESSION_ID, call.call_id),
            tlv(CALLING_STATION_ID, call.calling),
            tlv(CALLED_STATION_ID, call.called),
            more,
        )
        assert ACCOUNTING_RESPONSE == switch.ask(told).code
    switch.close()

    assert [("sbc", 61000, 61000)] == [
        (record.client, record.duration_ms, record.total_micros) for record in redirects.records(call.calling)
    ]
    assert 302 == sbc.invite(over("reported")).status


def test_without_accounting_the_channel_is_free_after_its_time(caller: Callable[[str], Caller]) -> None:
    """
    The client's setup_ttl_s says when.
    """
    silent = caller(SILENT)
    assert 302 == silent.invite(over("unreported")).status
    assert 503 == silent.invite(over("unreported")).status

    eventually(lambda: 302 == silent.invite(over("unreported")).status, 6.0)


def test_a_call_that_is_cancelled_before_its_answer_holds_nothing(
    redirects: Lab, caller: Callable[[str], Caller]
) -> None:
    """
    It gets 100 while it waits, 200 for the CANCEL, 487 for the INVITE; what it held is given back.
    """
    sbc, call = caller(SBC), over("cut")
    with redirects.locked_account("acme"):
        sbc.send(call.message("INVITE"))
        trying = sbc.receive()
        sbc.send(call.message("CANCEL"))
        answers = sorted(sbc.final().status for _ in range(2))
    sbc.send(call.message("ACK"))

    assert trying is not None
    assert (100, [200, 487]) == (trying.status, answers)
    eventually(lambda: 302 == sbc.invite(over("cut")).status, 5.0)


def test_what_is_no_call_is_answered_as_the_rfc_says(caller: Callable[[str], Caller]) -> None:
    """
    And a stranger is not answered at all.
    """
    sbc, call = caller(SBC), over("wide")

    assert 405 == sbc.ask(call.message("REGISTER")).status
    assert 400 == sbc.ask(call.message("INVITE").replace(b"CSeq: 1", b"CSeq: x")).status
    assert 481 == sbc.ask(SipCall("1").message("BYE")).status
    sbc.send(b"\0\xff nonsense")
    assert is_known(sbc)
    assert not is_known(caller(STRANGER))


def test_damaged_messages_cost_nothing_but_themselves(
    redirects: Lab, caller: Callable[[str], Caller]
) -> None:
    """
    While they come, an honest call is redirected; nothing breaks.
    """
    chance = random.Random("damaged SIP")
    hostile, honest = caller(EDGE), caller(SBC)
    for _ in range(300):
        method = chance.choice(("INVITE", "CANCEL", "ACK", "OPTIONS"))
        octets = bytearray(SipCall("442079460000").message(method))
        for _ in range(chance.randrange(1, 5)):
            at = chance.randrange(len(octets))
            octets[at : at + chance.randrange(4)] = chance.randbytes(chance.randrange(4))
        hostile.send(bytes(octets))

    assert 302 == honest.invite(over("wide")).status
    assert '"level":"error"' not in redirects.server.log()


@pytest.mark.usefixtures("redirects")
def test_over_tcp_messages_are_glued_split_and_answered(port: int) -> None:
    """
    Two requests in one segment, one in pieces, a ping; a stranger's connection is closed.
    """
    options = SipCall("442079460000").message("OPTIONS")
    with closing(socket.create_connection(("127.0.0.1", port), 5, (SBC, 0))) as connection:
        connection.sendall(options + options)
        for octet in options:
            connection.sendall(bytes((octet,)))
        connection.sendall(b"\r\n\r\n")
        heard = b""
        while not heard.endswith(b"\r\n\r\n\r\n"):
            heard += connection.recv(65_536)
    with pytest.raises(ConnectionError):  # sometimes before it is told that it is connected
        with closing(socket.create_connection(("127.0.0.1", port), 5, (STRANGER, 0))) as stranger:
            stranger.recv(100)

    assert 3 == heard.count(b"SIP/2.0 200 OK")


@pytest.mark.usefixtures("redirects")
@pytest.mark.parametrize("transport", ["u1", "t1"], ids=["udp", "tcp"])
def test_sipp_gets_every_call_redirected(port: int, transport: str, tmp_path: Path) -> None:
    """
    Four hundred calls at 200 a second, each sent on to where it belongs with a time that it may last.
    """
    if shutil.which("sipp") is None:
        skip_without(("sip-tester",))
    (tmp_path / "calls.csv").write_text("SEQUENTIAL\n442079460000;wide\n442079460001;wide\n")
    command = ["sipp", f"127.0.0.1:{port}", "-sf", str(SCENARIO), "-inf", "calls.csv"]
    command += ["-i", SBC, "-t", transport, "-r", "200", "-m", "400", "-l", "400"]
    command += ["-nostdin", "-timeout", "30s", "-timeout_error"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert 0 == done.returncode, done.stdout[-3000:] + done.stderr
