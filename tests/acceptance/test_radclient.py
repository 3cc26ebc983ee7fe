"""radclient, the client that every RADIUS engineer has, against the real server."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from radiusd.storage.postgres import EmbeddedPostgres
from tests.acceptance.process import Server, wait_for

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

SECRET = "radclient-shared-secret"
SITE = f"""
[[client]]
name = "lab"
networks = ["127.0.0.1"]
secret = "{SECRET}"

[[deck]]
name = "world"
currency = "USD"
rates = [{{prefix = "44", description = "United Kingdom", rate = 0.02, initial = 6, increment = 6}}]

[[plan]]
code = "basic"
deck = "world"

[[account]]
code = "acme"
currency = "USD"
opening_balance = 1000

[[trunk]]
account = "acme"
trunk = "acme-pbx"
plan = "basic"
max_channels = 30
username = "acme-pbx"
password = "trunk password"
activated = 2020-01-01
"""
ASK = 'User-Name = "acme-pbx", User-Password = "{password}", Acct-Session-Id = "{call}"'
NUMBERS = 'Calling-Station-Id = "15550000001", Called-Station-Id = "442079460000", NAS-IP-Address = 127.0.0.1'


class Radclient:
    """
    Runs radclient against *server*, and reads what it prints.
    """

    def __init__(self, program: str, server: Server) -> None:
        self.program = program
        self.server = server

    def ask(self, call: str, password: str = "trunk password") -> str:
        """Return the answer to one Access-Request for *call*, as radclient prints it."""
        return self.send("auth", [access_request(call, password)])

    def account(self, call: str, status: str, *more: str) -> str:
        """Return the answer to one Accounting-Request."""
        attributes = [f'Acct-Status-Type = {status}, Acct-Session-Id = "{call}", User-Name = "acme-pbx"']
        return self.send("acct", [", ".join([*attributes, NUMBERS, *more])])

    def send(self, kind: str, packets: Sequence[str], *options: str) -> str:
        """Send *packets* to the port for *kind*, and return what radclient printed."""
        port = self.server.acct_port if kind == "acct" else self.server.auth_port
        return self.run(port, kind, packets, *options)

    def run(self, port: int, kind: str, packets: Sequence[str], *options: str) -> str:
        """Return what radclient printed; its exit code only tells whether all were accepted."""
        command = [self.program, "-x", "-r", "1", "-t", "10", *options, f"127.0.0.1:{port}", kind, SECRET]
        done = subprocess.run(
            command,
            input="\n\n".join(packets) + "\n",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout + done.stderr


def access_request(call: str, password: str = "trunk password") -> str:
    """Return an Access-Request as radclient reads it."""
    return f"{ASK.format(call=call, password=password)}, {NUMBERS}, Message-Authenticator = 0x00"


def answers(output: str) -> list[str]:
    """Return the codes of the answers in radclient's *output*."""
    return re.findall(r"Received (\S+) Id", output)


@pytest.fixture
def client(radclient: str, server: Server) -> Radclient:
    """radclient beside a server of two workers on which a trunk of 30 channels is provisioned."""
    server.configure(workers=2)
    server.apply(SITE)
    server.start()
    return Radclient(radclient, server)


def test_a_status_server_packet_is_answered_on_both_ports(client: Radclient) -> None:
    """
    RFC 5997: Access-Accept on the authentication port, Accounting-Response on the accounting port.
    """
    status = ["Message-Authenticator = 0x00"]

    assert ["Access-Accept"] == answers(client.run(client.server.auth_port, "status", status))
    assert ["Accounting-Response"] == answers(client.run(client.server.acct_port, "status", status))


def test_a_call_is_authorized_accounted_and_booked(client: Radclient) -> None:
    """
    A password lets a call in and bounds it; its Stop makes one record of the seconds that it says.
    """
    accepted = client.ask("one")

    assert ["Access-Accept"] == answers(accepted)
    assert "Session-Timeout" in accepted
    assert ["Accounting-Response"] == answers(client.account("one", "Start"))
    assert ["Accounting-Response"] == answers(client.account("one", "Stop", "Acct-Session-Time = 61"))

    (record,) = client.server.rows("cdr", "list")
    assert ("answered", 61) == (record["status"], record["seconds"])
    client.server.check_books()


def test_a_wrong_password_is_rejected_and_holds_no_channel(client: Radclient) -> None:
    """
    Access-Reject with a SIP code in Reply-Message; nothing is open afterwards.
    """
    rejected = client.ask("one", password="a guess")

    assert ["Access-Reject"] == answers(rejected)
    assert 'Reply-Message = "403' in rejected
    assert [] == client.server.rows("calls", "list")


def test_the_31st_call_on_a_trunk_of_30_is_refused(client: Radclient) -> None:
    """
    30 calls are let in, the next is refused with 503, and one that ends makes room for another.
    """
    codes = [answers(client.ask(f"call-{number}"))[0] for number in range(30)]
    refused = client.ask("call-30")

    assert ["Access-Accept"] * 30 == codes
    assert ["Access-Reject"] == answers(refused)
    assert 'Reply-Message = "503' in refused
    assert "trunk_full" in refused
    assert 30 == len(client.server.rows("calls", "list"))

    client.account("call-0", "Stop", "Acct-Session-Time = 5")
    assert ["Access-Accept"] == answers(client.ask("call-31"))


def test_of_200_calls_in_one_instant_exactly_30_are_let_in(client: Radclient) -> None:
    """
    The limit holds for requests that arrive together, from several ports, at two workers.
    """

    def burst(sender: int) -> list[str]:
        packets = [access_request(f"call-{sender}-{number}") for number in range(25)]
        return answers(client.send("auth", packets, "-p", "25"))

    with ThreadPoolExecutor(8) as pool:
        codes = [code for found in pool.map(burst, range(8)) for code in found]

    assert 200 == len(codes)
    assert 30 == codes.count("Access-Accept")
    assert 30 == len(client.server.rows("calls", "list"))
    client.server.check_books()


def test_of_200_calls_at_two_nodes_exactly_30_are_let_in(
    radclient: str, short_dir: Path, pg_bin: Path | None
) -> None:
    """
    Two servers on one database keep one limit, and either shows the other's calls.
    """
    with EmbeddedPostgres(short_dir / "db", pg_bin) as postgres, ExitStack() as stack:
        nodes = []
        for name in ("a", "b"):
            (short_dir / name).mkdir()
            nodes.append(Server(short_dir / name, pg_bin, dsn=postgres.dsn, key_file=short_dir / "key"))
            stack.callback(nodes[-1].kill)
        nodes[0].apply(SITE)
        for node in nodes:
            node.start()

        def burst(sender: int) -> list[str]:
            packets = [access_request(f"call-{sender}-{number}") for number in range(25)]
            return answers(Radclient(radclient, nodes[sender % 2]).send("auth", packets, "-p", "25"))

        with ThreadPoolExecutor(8) as pool:
            codes = [code for found in pool.map(burst, range(8)) for code in found]

        assert (200, 30) == (len(codes), codes.count("Access-Accept"))
        assert 30 == len(nodes[1].rows("calls", "list"))
        nodes[0].check_books()


def test_a_stopped_server_has_kept_what_it_answered(client: Radclient) -> None:
    """
    After kill -9 and a new start, calls that were let in are still open, and their records come.
    """
    client.ask("kept")
    client.server.kill()
    client.server.start()
    client.account("kept", "Stop", "Acct-Session-Time = 7")

    wait_for(lambda: [7] == [record["seconds"] for record in client.server.rows("cdr", "list")])
    client.server.check_books()
