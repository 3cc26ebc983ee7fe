"""RADIUS over TLS as an operator has it: certificates of all kinds, renewed and taken back, two workers."""

from __future__ import annotations

import os
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from bench.processes import free_tcp_ports
from tests.acceptance.process import Server, wait_for
from tests.acceptance.stream_wire import SERVER_NAME, TLS_SECRET, Connection, client_context
from tests.acceptance.wire import ACCESS_ACCEPT, status
from tests.authority import Authority

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

CONFIGURATION = """
[[listeners]]
kind = "both"
transport = "tls"
address = "127.0.0.1"
port = {port}

[tls]
certificate = "{folder}/server.pem"
key = "{folder}/server.key"
ca = "{folder}/ca.pem"
crl = "{folder}/crl.pem"

[streams]
idle_s = 1.0
started_s = 0.5
connections_per_client = 3
"""
SITE = """
[[client]]
name = "by-print"
certificates = ["sha256:{print}"]

[[client]]
name = "by-name"
certificates = ["uri:sip:gw1@example.net", "ip:192.0.2.7"]

[[client]]
name = "by-issuer"
certificates = ["issuer:CN=Branch CA,O=Example"]
"""


@pytest.fixture(scope="module")
def port() -> int:
    """The server's port."""
    (port,) = free_tcp_ports(1)
    return port


@pytest.fixture(scope="module")
def authority(home: Path) -> Authority:
    """Who signs certificates of the server and of clients."""
    authority = Authority(home)
    authority.issue("server", dns=(SERVER_NAME,))
    authority.issue("print")
    authority.issue("name", uri=("sip:gw1@example.net",))
    authority.issue("nobody", uri=("sip:gw2@example.net",))
    return authority


@pytest.fixture(scope="module")
def branch(home: Path) -> Authority:
    """An authority all of whose certificates are one client's."""
    branch = Authority(home, "Branch CA")
    branch.issue("issued")
    return branch


@pytest.fixture(scope="module")
def server(
    home: Path, pg_bin: Path | None, port: int, authority: Authority, branch: Authority
) -> Iterator[Server]:
    """A server with two workers that takes TLS only, and knows clients by certificates only."""
    (home / "ca.pem").write_bytes(authority.path.read_bytes() + branch.path.read_bytes())
    (home / "crl.pem").write_bytes(authority.revoked() + branch.revoked())
    server = Server(home, pg_bin, workers=2, more=CONFIGURATION.format(port=port, folder=home))
    certificate = x509.load_pem_x509_certificate(authority.pem_of("print").read_bytes())
    server.apply(SITE.format(print=certificate.fingerprint(SHA256()).hex()))
    server.start()
    yield server
    assert 0 == server.stop()


@pytest.fixture
def connect(server: Server, port: int) -> Iterator[Callable[[ssl.SSLContext], Connection]]:
    """Connect with a certificate; closed at the end."""
    made: list[Connection] = []

    def connect(context: ssl.SSLContext) -> Connection:
        made.append(Connection("127.0.0.1", "127.0.0.1", port, context))
        return made[-1]

    yield connect
    for connection in made:
        connection.close()


def is_answered(connection: Connection) -> bool:
    """Tell whether Status-Server is answered, and not by closing the connection."""
    with suppress(OSError):  # TLS 1.3: who is refused learns it with the first thing it does
        connection.send(status(TLS_SECRET))
    return connection.hear_packet(3.0)[:1] == bytes((ACCESS_ACCEPT,))


def is_served(connect: Callable[..., Connection], context: ssl.SSLContext) -> bool:
    """Tell whether all of several connections are answered, so that both workers have been asked."""
    for _ in range(8):
        connection = connect(context)
        answered = is_answered(connection)
        connection.close()
        if not answered:
            return False
    return True


@pytest.mark.parametrize("name", ["print", "name"])
def test_clients_are_known_by_fingerprint_and_by_name(
    connect: Callable[..., Connection], authority: Authority, name: str
) -> None:
    """
    Without any address of theirs.
    """
    context = client_context(authority, name)

    wait_for(lambda: is_served(connect, context))


def test_a_client_is_known_by_who_has_signed_its_certificate(
    connect: Callable[..., Connection], authority: Authority, branch: Authority
) -> None:
    """
    Whatever its name.
    """
    context = client_context(branch, "issued", believes=authority.path)

    wait_for(lambda: is_served(connect, context))


def test_a_certificate_that_ends_soon_is_told(server: Server) -> None:
    """
    In the log of each worker: it ends in 20 days.
    """
    wait_for(lambda: 2 <= server.log().count("certificate expires soon"))


def test_another_name_is_refused(connect: Callable[..., Connection], authority: Authority) -> None:
    """
    Who is near is not the one.
    """
    assert not is_answered(connect(client_context(authority, "nobody")))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_X33_no_session_is_resumed(
    port: int, connect: Callable[..., Connection], authority: Authority, version: ssl.TLSVersion
) -> None:
    """
    Each connection shows its certificate anew, so that one that was taken back is of no use.
    """
    context = client_context(authority, "name")
    context.minimum_version = context.maximum_version = version
    first = connect(context)
    assert is_answered(first)
    with socket.create_connection(("127.0.0.1", port), 5) as plain:
        second = context.wrap_socket(plain, server_hostname=SERVER_NAME, session=first.socket.session)
        with second:
            assert not second.session_reused


def test_a_new_certificate_counts_after_sighup(
    server: Server, connect: Callable[..., Connection], authority: Authority
) -> None:
    """
    In all workers, without a restart, and connections that are up go on.
    """
    before = connect(client_context(authority, "name"))
    authority.issue("server", dns=(SERVER_NAME,), serial=4711)
    os.kill(server.pid, signal.SIGHUP)

    wait_for(lambda: {4711} == {serial_of(connect, authority) for _ in range(2)})
    assert is_answered(before)


def test_a_broken_certificate_changes_nothing(
    server: Server, connect: Callable[..., Connection], authority: Authority
) -> None:
    """
    It is told in the log, and the old one stays in use.
    """
    path = authority.pem_of("server")
    good = path.read_bytes()
    path.write_bytes(b"no certificate")
    os.kill(server.pid, signal.SIGHUP)
    wait_for(lambda: 2 <= server.log().count("certificates cannot be used; the old ones stay"))
    path.write_bytes(good)

    assert is_answered(connect(client_context(authority, "name")))


def test_a_certificate_that_was_taken_back_is_refused_after_sighup(
    server: Server, connect: Callable[..., Connection], authority: Authority, branch: Authority
) -> None:
    """
    The list of those is read again with the others.
    """
    lost = authority.issue("lost", uri=("sip:gw1@example.net",))
    assert is_answered(connect(client_context(authority, "lost")))
    (server.home / "crl.pem").write_bytes(authority.revoked(lost) + branch.revoked())
    os.kill(server.pid, signal.SIGHUP)

    wait_for(lambda: not any(is_answered(connect(client_context(authority, "lost"))) for _ in range(2)))


def test_connections_are_limited_and_silent_ones_closed(
    connect: Callable[..., Connection], authority: Authority
) -> None:
    """
    A client has three; what is silent for a second goes, and what stalls.
    """
    context = client_context(authority, "name")
    connections = [connect(context) for _ in range(8)]  # two workers, three each
    heard = [connection.hear_out(4.0) for connection in connections]

    assert [b""] * 8 == heard
    assert all(connection.is_closed for connection in connections)


def test_a_client_that_is_ended_is_not_answered_any_more(
    server: Server, connect: Callable[..., Connection], authority: Authority
) -> None:
    """
    Its certificates are taken from it.
    """
    assert is_answered(connect(client_context(authority, "print")))
    server.run("client", "end", "by-print")

    wait_for(lambda: not is_answered(connect(client_context(authority, "print"))))


def serial_of(connect: Callable[..., Connection], authority: Authority) -> int:
    """Return the serial number of the certificate that the server shows."""
    shown = connect(client_context(authority, "name")).socket.getpeercert(binary_form=True)
    return x509.load_der_x509_certificate(shown).serial_number


def test_our_own_client_speaks_tls(server: Server, port: int, authority: Authority) -> None:
    """
    It shows a certificate, and wants the server to show the right one.
    """
    ask = ["radius", "test", "auth", "127.0.0.1", "--port", str(port), "--transport", "tls"]
    ask += ["--ca", str(authority.path), "--user", "nobody"]
    mine = ["--certificate", str(authority.pem_of("name")), "--key", str(authority.key_of("name"))]

    assert "Access-Reject" in server.run(*ask, *mine, "--server-name", SERVER_NAME, exits=1)
    status = [*ask[:2], "status", *ask[3:-2]]
    assert "Access-Accept" in server.run(*status, *mine, "--server-name", SERVER_NAME)
    server.run(*ask, *mine, "--server-name", "other.example", exits=69)
    server.run(*ask, "--server-name", SERVER_NAME, exits=69)
