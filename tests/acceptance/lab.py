"""The server that the conformance tests ask: its clients, each on a loopback address, and its books."""

from __future__ import annotations

import itertools
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any, NamedTuple

import psycopg2

from bench.processes import free_tcp_ports
from radiusd.storage.postgres import EmbeddedPostgres
from tests.acceptance.process import Server
from tests.acceptance.stream_wire import SERVER_NAME, StreamSender, client_context
from tests.acceptance.wire import (
    ACCOUNTING_RESPONSE,
    ACCT_SESSION_ID,
    ACCT_SESSION_TIME,
    ACCT_STATUS_TYPE,
    CALLED_STATION_ID,
    CALLING_STATION_ID,
    SERVICE_TYPE,
    UNSIGNED,
    USER_NAME,
    Answer,
    Sender,
    access,
    accounting,
    pap,
    status,
    tlv,
)
from tests.authority import Authority

SECRETS = {
    "open": b"secret of the open client",
    "defaults": b"secret of the default client",
    "limits": b"secret of the client with limited Proxy-State",
    "other": b"secret of another switch",
    "pbx": b"secret of a PBX that asserts numbers",
    "sip-proxy": b"secret of a SIP proxy",
    "leases": b"secret of a switch that renews leases",
    "generic": b"secret of a sender that keeps to RFC 2866",
    "cisco": b"secret of a Cisco gateway",
    "kamailio": b"secret of a Kamailio",
    "checks-all": b"secret of a gateway that asks without a Service-Type",
    "checks-none": b"secret of a switch that may not check calls",
}
ADDRESSES = {
    "open": ("127.0.0.1", "::1"),
    "defaults": ("127.0.0.2",),
    "limits": ("127.0.0.3",),
    "other": ("127.0.0.4",),
    "pbx": ("127.0.0.5",),
    "sip-proxy": ("127.0.0.6",),
    "leases": ("127.0.0.7",),
    "checks-all": ("127.0.0.8",),
    "checks-none": ("127.0.0.10",),
    "generic": ("127.0.0.13",),
    "cisco": ("127.0.0.11",),
    "kamailio": ("127.0.0.12",),
}
CALL_CHECK = 10  # a Service-Type
STRANGER = "127.0.0.99"
RELAXED = "require_message_authenticator = false\nlimit_proxy_state = false"
LEASE_S = 30
SETTINGS = {
    "open": RELAXED,
    "limits": "require_message_authenticator = false\nlimit_proxy_state = true",
    "pbx": f"asserts_numbers = true\n{RELAXED}",
    "sip-proxy": f'digest = "proxy"\n{RELAXED}',
    "leases": f'asserts_numbers = true\ngrant = "lease"\nlease_s = {LEASE_S}\n{RELAXED}',
    "generic": f'asserts_numbers = true\ncall_check = "any"\n{RELAXED}',
    "cisco": f'dialect = "cisco"\nasserts_numbers = true\ncall_check = "any"\n{RELAXED}',
    "kamailio": f'dialect = "kamailio"\nasserts_numbers = true\ncall_check = "any"\n{RELAXED}',
    "checks-all": 'asserts_numbers = true\ncall_check = "any"',
    "checks-none": 'asserts_numbers = true\ncall_check = "never"',
}
USER, PASSWORD, REALM = "alice", b"correct horse battery", "sip.example"
LONG_USER, LONG_PASSWORD = "bob", b"a password of more than sixteen octets, in three blocks"
LISTED_NUMBER = "15550000001"  # the DID of alice, which the PBX may assert

SITE = """
[[deck]]
name = "world"
currency = "USD"
rates = [{prefix = "44", description = "United Kingdom", rate = 0.06, initial = 1, increment = 1}]

[[plan]]
code = "basic"
deck = "world"

[[account]]
code = "acme"
currency = "USD"
opening_balance = 1000000

[[did]]
account = "acme"
number = "15550000001"
plan = "basic"
username = "alice"
password = "correct horse battery"
activated = 2020-01-01

[[did]]
account = "acme"
number = "15550000002"
plan = "basic"
username = "bob"
password = "a password of more than sixteen octets, in three blocks"
activated = 2020-01-01
"""


def site() -> str:
    """Return the site file with all clients."""
    clients = [
        f'[[client]]\nname = "{name}"\nnetworks = {list(addresses)}\ncertificates = ["dns:{name}.example"]\n'
        f'secret = "{SECRETS[name].decode()}"\n{SETTINGS.get(name, "")}\n'
        for name, addresses in ADDRESSES.items()
    ]
    return "\n".join(clients) + SITE


class Streams:
    """The ports for TCP and TLS beside those for UDP, and the *authority* of their certificates."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.auth_port, self.acct_port, self.tls_port = free_tcp_ports(3)
        authority.issue("server", dns=(SERVER_NAME,))

    def configuration(self) -> str:
        """Return the listeners as they stand in the configuration."""
        ports = [("auth", "tcp", self.auth_port), ("acct", "tcp", self.acct_port)]
        ports.append(("both", "tls", self.tls_port))
        listeners = "".join(
            f'[[listeners]]\nkind = "{kind}"\ntransport = "{transport}"\naddress = "::"\nport = {port}\n'
            for kind, transport, port in ports
        )
        files = (("certificate", "server.pem"), ("key", "server.key"), ("ca", self.authority.path.name))
        folder = self.authority.folder
        # All tests of a session keep what they have opened.
        listeners += "[streams]\nconnections_per_client = 1000\n"
        return listeners + "[tls]\n" + "".join(f'{name} = "{folder / file}"\n' for name, file in files)

    def context_of(self, client: str) -> ssl.SSLContext:
        """Return what *client* does TLS with; its certificate is made when it has none."""
        if not self.authority.pem_of(client).exists():
            self.authority.issue(client, dns=(f"{client}.example",))
        return client_context(self.authority, client)


class Record(NamedTuple):
    """What is on record of an ended call."""

    client: str
    status: str
    started_at: datetime
    ended_at: datetime
    duration_ms: int
    total_micros: int
    flags: list[str]
    reason: str


class Lab:
    """A running server with senders around it; *dsn* leads to its books, calling numbers go up."""

    def __init__(self, server: Server, dsn: str, first_number: int = 15551000000) -> None:
        self.server = server
        self.streams: Streams | None = None
        self._dsn = dsn
        self.connect_again()
        self._senders: list[Sender] = []
        # Every call of a lab has a calling number of its own, by which it is found again.
        self._numbers = itertools.count(first_number)

    def connect_again(self) -> None:
        """Open a connection to the books, as is needed after their server has died."""
        self._books = psycopg2.connect(self._dsn)
        self._books.autocommit = True

    def close(self) -> None:
        """Close what was opened; the server goes on."""
        self._books.close()
        for sender in self._senders:
            sender.close()

    def sender(self, client: str, source: str = "") -> Sender:
        """Return a new socket of *client*, on its first address or on *source*."""
        ports = self.server.auth_port, self.server.acct_port
        self._senders.append(Sender(source or ADDRESSES[client][0], SECRETS[client], *ports))
        return self._senders[-1]

    def stream(self, client: str, source: str = "", *, tls: bool) -> StreamSender:
        """Return connections of *client* over TCP, or inside TLS with its own certificate."""
        assert self.streams is not None, "this lab listens to datagrams only"
        streams = self.streams
        ports = (streams.tls_port, streams.tls_port) if tls else (streams.auth_port, streams.acct_port)
        context = streams.context_of(client) if tls else None
        sender = StreamSender(source or ADDRESSES[client][0], SECRETS[client], *ports, context)
        self._senders.append(sender)
        return sender

    def sender_over(self, transport: str, client: str) -> Sender:
        """Return a sender of *client* over "ipv4", "ipv6", "tcp" or "tls"."""
        if transport in ("tcp", "tls"):
            return self.stream(client, tls=transport == "tls")
        return self.sender(client, "::1" if transport == "ipv6" else "")

    def new_number(self) -> str:
        """Return a calling number that no call of this lab has yet."""
        return str(next(self._numbers))

    def query(self, sql: str, *args: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query of the books."""
        with closing(self._books.cursor()) as txn:
            txn.execute(sql, args)
            return txn.fetchall()

    @contextmanager
    def locked(self, table: str) -> Iterator[Callable[[], None]]:
        """Let nobody else read or write *table*, as a careless admin might, until the end or the call."""
        with closing(psycopg2.connect(self._dsn)) as connection:
            with closing(connection.cursor()) as txn:
                txn.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield connection.rollback

    @contextmanager
    def locked_account(self, code: str) -> Iterator[None]:
        """Let nobody else change the account *code* meanwhile."""
        with closing(psycopg2.connect(self._dsn)) as connection, connection.cursor() as txn:
            account = "SELECT id FROM account WHERE code = %s"
            txn.execute(f"SELECT FROM balance WHERE account_id = ({account}) FOR UPDATE", (code,))
            yield

    def records(self, calling: str) -> list[Record]:
        """Return the ended calls from *calling*, in the order of their beginning."""
        rows = self.query(
            "SELECT client.name, status, started_at, ended_at, duration_ms, total_micros, flags, reason"
            " FROM cdr JOIN client ON client.id = client_id WHERE calling = %s ORDER BY started_at, call_id",
            calling,
        )
        return [Record(*row) for row in rows]

    def open_calls(self, calling: str) -> int:
        """Return how many calls from *calling* are up."""
        return int(self.query("SELECT count(*) FROM session WHERE calling = %s", calling)[0][0])

    def has_call(self, calling: str) -> bool:
        """Tell whether anything is on record of *calling*, open or ended."""
        return bool(self.open_calls(calling) or self.records(calling))


class Call:
    """One call of *sender*, which reports it as RFC 2866 says."""

    def __init__(self, lab: Lab, sender: Sender, session_id: str | bytes = "", user: str = USER) -> None:
        self.lab, self.sender = lab, sender
        self.calling = lab.new_number()
        self.session_id = session_id or f"session-{self.calling}"
        self.user = user

    def packet(self, status: int, *more: bytes, lasted_s: int | None = None) -> bytes:
        """Return the Accounting-Request that says *status* of the call."""
        lasted = () if lasted_s is None else (tlv(ACCT_SESSION_TIME, lasted_s),)
        return accounting(
            self.sender.secret,
            tlv(ACCT_STATUS_TYPE, status),
            tlv(ACCT_SESSION_ID, self.session_id),
            *self.identity(),
            *lasted,
            *more,
        )

    def identity(self) -> tuple[bytes, ...]:
        """Return the attributes that say who calls whom."""
        return (
            tlv(USER_NAME, self.user),
            tlv(CALLING_STATION_ID, self.calling),
            tlv(CALLED_STATION_ID, "442079460000"),
        )

    def call_check(self) -> bytes:
        """Return the Access-Request that asks so by the calling number, without a password."""
        session_id = tlv(ACCT_SESSION_ID, self.session_id)
        return access(
            self.sender.secret, UNSIGNED, tlv(SERVICE_TYPE, CALL_CHECK), *self.identity(), session_id
        )

    def tell(self, status: int, *more: bytes, lasted_s: int | None = None) -> Answer:
        """Report *status* and return the Accounting-Response."""
        answer = self.sender.ask(self.packet(status, *more, lasted_s=lasted_s))
        assert ACCOUNTING_RESPONSE == answer.code
        return answer

    def ask(self, password: bytes = PASSWORD, *more: bytes) -> Answer:
        """Ask whether the call may go ahead."""
        return self.sender.ask(self.attempt(password, *more))

    def attempt(self, password: bytes = PASSWORD, *more: bytes) -> bytes:
        """Return the Access-Request that asks so."""
        session_id = tlv(ACCT_SESSION_ID, self.session_id)
        return pap(self.sender.secret, password, *self.identity(), session_id, *more)

    def records(self) -> list[Record]:
        """Return what is on record of it, once ended."""
        return self.lab.records(self.calling)

    @property
    def is_open(self) -> bool:
        """Whether the call is up, by the books."""
        return bool(self.lab.open_calls(self.calling))


def durations_s(records: list[Record]) -> list[float]:
    """Return how long each call lasted."""
    return [record.duration_ms / 1000 for record in records]


def open_lab(server: Server, dsn: str = "") -> Lab:
    """Start and provision *server* and return the lab around it; *dsn* leads to a database of its own."""
    begin(server)
    return Lab(server, dsn or EmbeddedPostgres(server.home / "db").dsn)


def begin(server: Server, more: str = "", **environment: str) -> None:
    """Start *server*, rejecting without delay, with the lab's site and *more*; return when it knows them."""
    if server.dsn:
        server.run("db", "migrate")  # an embedded database is brought up to date by its server
    server.start(TOLLWIRE__REJECT_DELAY_S="0", **environment)
    server.apply(site() + more)
    sender = Sender(ADDRESSES["open"][0], SECRETS["open"], server.auth_port, server.acct_port)
    sender.ask_until_answered(status(sender.secret))
    sender.close()


def eventually(condition: Callable[[], bool], limit_s: float) -> float:
    """Return after how many seconds *condition* held; fail the test when it did not within *limit_s*."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < limit_s, f"not within {limit_s} s"
        time.sleep(0.02)
    return time.monotonic() - began
