"""radclient, the client that every RADIUS engineer has, against the real server with two workers."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from radiusd.storage.postgres import EmbeddedPostgres
from tests.acceptance.process import Server, wait_for

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

SECRET = "radclient-shared-secret"
PASSWORD = "trunk password"
CUSTOMERS = ("booked", "guessed", "full", "burst", "kept")  # one a test, each with a trunk of 30 channels
SENDERS = 8  # of the bursts: as many source ports, so that both workers get some
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
"""
CUSTOMER = f"""
[[account]]
code = "{{name}}"
currency = "USD"
opening_balance = 1000

[[trunk]]
account = "{{name}}"
trunk = "{{name}}"
plan = "basic"
max_channels = 30
username = "{{name}}"
password = "{PASSWORD}"
activated = 2020-01-01
"""
CALL = (
    'User-Name = "{customer}", Acct-Session-Id = "{customer}-{number}", NAS-IP-Address = 127.0.0.1, '
    'Calling-Station-Id = "15550000001", Called-Station-Id = "442079460000"'
)


class Radclient:
    """
    Runs *program*, radclient, against *server*, and returns what it prints.
    """

    def __init__(self, program: str, server: Server) -> None:
        self.program = program
        self.server = server

    def ask(self, customer: str, number: int, password: str = PASSWORD) -> str:
        """Send the Access-Request for one call."""
        return self.run(self.server.auth_port, "auth", [access_request(customer, number, password)])

    def account(self, customer: str, number: int, status: str, *more: str) -> str:
        """Send one Accounting-Request."""
        attributes = [CALL.format(customer=customer, number=number), f"Acct-Status-Type = {status}", *more]
        return self.run(self.server.acct_port, "acct", [", ".join(attributes)])

    def run(self, port: int, kind: str, packets: Sequence[str], parallel: int = 1) -> str:
        """Send *packets*, *parallel* at once; the exit code, by which a Reject is a failure, is ignored."""
        command = [self.program, "-x", "-r", "1", "-t", "10", "-p", str(parallel), f"127.0.0.1:{port}", kind]
        done = subprocess.run(
            [*command, SECRET],
            input="\n\n".join(packets) + "\n",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout + done.stderr


def access_request(customer: str, number: int, password: str = PASSWORD) -> str:
    """Return an Access-Request as radclient reads it."""
    call = CALL.format(customer=customer, number=number)
    return f'{call}, User-Password = "{password}", Message-Authenticator = 0x00'


def answers(output: str) -> list[str]:
    """Return the codes of the answers in radclient's *output*."""
    return re.findall(r"Received (\S+) Id", output)


def burst_of_200(client_of: Callable[[int], Radclient]) -> list[str]:
    """Return the answers to 200 attempts of one customer in one instant, each sender through its client."""
    each = 200 // SENDERS

    def send(sender: int) -> list[str]:
        packets = [access_request("burst", number) for number in range(sender * each, (sender + 1) * each)]
        client = client_of(sender)
        return answers(client.run(client.server.auth_port, "auth", packets, parallel=each))

    with ThreadPoolExecutor(SENDERS) as pool:
        return [code for codes in pool.map(send, range(SENDERS)) for code in codes]


def site(*customers: str) -> str:
    """Return the site file with *customers*."""
    return SITE + "".join(CUSTOMER.format(name=name) for name in customers)


@pytest.fixture(scope="module")
def client(radclient: str, server: Server) -> Radclient:
    """radclient beside a server that has a customer for each test."""
    server.configure(workers=2)
    server.apply(site(*CUSTOMERS))
    server.start()
    return Radclient(radclient, server)


def open_calls(server: Server, customer: str) -> int:
    """Return how many calls of *customer* are up."""
    return len(server.rows("calls", "list", "--account", customer))


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
    accepted = client.ask("booked", 1)

    assert ["Access-Accept"] == answers(accepted)
    assert "Session-Timeout" in accepted
    assert ["Accounting-Response"] == answers(client.account("booked", 1, "Start"))
    assert ["Accounting-Response"] == answers(client.account("booked", 1, "Stop", "Acct-Session-Time = 61"))

    (record,) = client.server.rows("cdr", "list", "--account", "booked")
    assert ("answered", 61, 66, "0.022000") == tuple(
        record[name] for name in ("status", "seconds", "billed_s", "total")
    )


def test_a_wrong_password_is_rejected_and_holds_no_channel(client: Radclient) -> None:
    """
    Access-Reject with a SIP code in Reply-Message; nothing is open afterwards.
    """
    rejected = client.ask("guessed", 1, password="a guess")

    assert ["Access-Reject"] == answers(rejected)
    assert 'Reply-Message = "403' in rejected
    assert 0 == open_calls(client.server, "guessed")


def test_the_31st_call_on_a_trunk_of_30_is_refused(client: Radclient) -> None:
    """
    30 calls are let in, the next is refused with 503, and one that ends makes room for another.
    """
    codes = [code for number in range(30) for code in answers(client.ask("full", number))]
    refused = client.ask("full", 30)

    assert ["Access-Accept"] * 30 == codes
    assert ["Access-Reject"] == answers(refused)
    assert 'Reply-Message = "503' in refused
    assert "trunk_full" in refused
    assert 30 == open_calls(client.server, "full")

    client.account("full", 0, "Stop", "Acct-Session-Time = 5")
    assert ["Access-Accept"] == answers(client.ask("full", 31))


def test_of_200_calls_in_one_instant_exactly_30_are_let_in(client: Radclient) -> None:
    """
    The limit holds for requests that arrive together, from several ports, at two workers.
    """
    codes = burst_of_200(lambda sender: client)

    assert (200, 30) == (len(codes), codes.count("Access-Accept"))
    assert 30 == open_calls(client.server, "burst")


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
        nodes[0].apply(site("burst"))
        for node in nodes:
            node.start()
        codes = burst_of_200(lambda sender: Radclient(radclient, nodes[sender % 2]))

        assert (200, 30) == (len(codes), codes.count("Access-Accept"))
        assert [30, 30] == [open_calls(node, "burst") for node in nodes]
        nodes[0].check_books()


def test_a_killed_server_has_kept_what_it_answered(client: Radclient) -> None:
    """
    After kill -9 and a new start, a call that was let in is still open, and its Stop is booked.
    """
    client.ask("kept", 1)
    client.server.kill()
    client.server.start()

    assert 1 == open_calls(client.server, "kept")
    assert ["Accounting-Response"] == answers(client.account("kept", 1, "Stop", "Acct-Session-Time = 7"))
    wait_for(
        lambda: (
            [7] == [record["seconds"] for record in client.server.rows("cdr", "list", "--account", "kept")]
        )
    )
    client.server.check_books()
