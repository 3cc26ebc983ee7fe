"""The sockets and what stands right behind them: everything up to the ledger's door, in each worker."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twisted.internet.task import LoopingCall

from radiusd.connections import ConnectionPort, Patience
from radiusd.dialects.registry import DIALECTS
from radiusd.errors import BadSettings
from radiusd.handlers.access import AccessHandler
from radiusd.handlers.accounting import AccountingHandler
from radiusd.handlers.answers import Door
from radiusd.handlers.invite import InviteHandler
from radiusd.metrics import Metrics, PacketCounts, packet_counts
from radiusd.radius.admission import PortKind
from radiusd.radius.assigned import Code
from radiusd.radius.certificates import Identities
from radiusd.radius.clients import Client, ClientTable
from radiusd.radius.counters import Counters
from radiusd.radius.datagrams import DatagramSocket
from radiusd.radius.discard_log import DiscardLog
from radiusd.radius.discards import Reason
from radiusd.radius.duplicates import DuplicateCache
from radiusd.radius.nonces import NonceMaker
from radiusd.radius.packet import Packet
from radiusd.radius.radsec import BadCertificate, RadsecPort, TlsFiles
from radiusd.radius.reception import Answer, Handle
from radiusd.radius.stream import StreamPort
from radiusd.radius.udp import RadiusPort
from radiusd.radius.watching import Watch
from radiusd.settings import Listener, Settings
from radiusd.sip.server import SipServer
from radiusd.sip.tcp import SipStreamPort
from radiusd.sip.udp import SipPort
from radiusd.sockets import own_places

DAY_S = 86_400.0
"""How often it is looked whether our certificate expires soon."""

_ACCESS_REQUEST = int(Code.ACCESS_REQUEST)


def read_tls_files(settings: Settings) -> TlsFiles | None:
    """
    Return the certificates that the listeners of *settings* need, None when they need none.

    Raises:
        BadSettings: A file cannot be used.
    """
    if not any(listener.transport == "tls" for listener in settings.listeners):
        return None
    tls = settings.tls
    crl = Path(tls.crl) if tls.crl else None
    try:
        return TlsFiles(Path(tls.certificate), Path(tls.key), Path(tls.ca), crl)
    except BadCertificate as error:
        raise BadSettings(f"tls: {error}") from error


class Front:
    """
    The RADIUS ports of one process.

    *clients* gives the table that counts now; *door* leads to the ledger, here or in another process.

    Raises:
        BadSettings: The certificates of TLS listeners cannot be used.
    """

    def __init__(
        self,
        reactor: Any,
        settings: Settings,
        clients: Callable[[], ClientTable],
        door: Door,
        nonces: NonceMaker,
        metrics: Metrics,
        log: Any,
    ) -> None:
        self._ports: list[RadiusPort | StreamPort] = []
        self._sip: list[SipServer] = []
        self._reactor = reactor
        self._settings = settings
        self._clients = clients
        self._door = door
        self._log = log
        self._listening: list[DatagramSocket] = []
        self._accepting: list[Any] = []
        self._streams: list[ConnectionPort] = []
        self._discard_log = DiscardLog(log, reactor)
        self.watch = Watch(reactor)
        self._tls = read_tls_files(settings)
        self._watching: LoopingCall | None = None
        access = AccessHandler(reactor, DIALECTS, door, nonces, settings.reject_delay_s, metrics, log)
        self._invites = InviteHandler(
            reactor,
            DIALECTS,
            own_places(settings),
            door,
            nonces,
            settings.sip.realm,
            settings.reject_delay_s,
            metrics,
            log,
        )
        accounting = AccountingHandler(reactor, DIALECTS, door, metrics, log)
        self._handlers: dict[PortKind, Any] = {PortKind.AUTH: access, PortKind.ACCT: accounting}

    def listen(self, listeners: Sequence[Listener], sockets: Sequence[socket.socket]) -> None:
        """Take requests from *sockets*, which were opened for *listeners*."""
        for listener, sock in zip(listeners, sockets, strict=True):
            if listener.kind == "sip":
                self._listen_to_sip(listener, sock)
            elif listener.is_stream:
                self._listen_to_stream(listener, sock)
            else:
                self._listen_to_datagrams(listener, sock)
        if self._tls is not None:
            self._watching = LoopingCall(self._warn_of_expiry, self._tls)
            self._watching.clock = self._reactor
            self._watching.start(DAY_S)

    def read_certificates(self) -> None:
        """Use the certificates as their files have them now; those that cannot be used change nothing."""
        if self._tls is None:
            return
        try:
            self._tls.read()
        except BadCertificate as error:
            self._log.error("certificates cannot be used; the old ones stay", error=str(error))
            return
        self._log.info("certificates read", expires_at=self._tls.expires_at.isoformat())
        self._warn_of_expiry(self._tls)

    def stop_listening(self) -> None:
        """Read no more requests; answers under way still go out until :meth:`close`."""
        for listening in self._listening:
            listening.stop_reading()
        for accepting in self._accepting:
            accepting.stopListening()
        self._accepting.clear()
        for stream in self._streams:
            stream.stop_reading()

    def close(self) -> None:
        """Close the sockets."""
        for listening in self._listening:
            listening.close()
        self._listening.clear()
        for stream in self._streams:
            stream.close()
        for server in self._sip:
            server.close()
        if self._watching is not None and self._watching.running:
            self._watching.stop()

    def packet_counts(self) -> PacketCounts:
        """Return what the ports have counted."""
        counts = packet_counts(self._ports)
        for server in self._sip:
            counts += [("sip", client_id, what, many) for (client_id, what), many in server.counts.of.items()]
        return counts

    def _listen_to_sip(self, listener: Listener, sock: socket.socket) -> None:
        server = SipServer(
            self._reactor,
            self._find_sip_client,
            self._invites.handle,
            lambda: self._door.is_healthy,
            self._sip_dropped,
            self._log,
        )
        self._sip.append(server)
        if listener.is_stream:
            port = SipStreamPort(
                self._reactor, server, self._find_sip_client, self._sip_dropped, self._patience()
            )
            self._streams.append(port)
            self._accepting.append(self._reactor.adoptStreamPort(sock.fileno(), sock.family, port))
            return
        listening = DatagramSocket(self._reactor, sock, SipPort(server))
        listening.start()
        self._listening.append(listening)

    def _find_sip_client(self, host: str) -> Client | None:
        client = self._clients().lookup(host)
        return client if client is not None and client.sip != "off" else None

    def _sip_dropped(self, client: Client | None, host: str, reason: str) -> None:
        self._discard_log.discarded(Reason(reason), host, None if client is None else client.name)

    def _listen_to_datagrams(self, listener: Listener, sock: socket.socket) -> None:
        kind = PortKind(listener.kind)
        port = RadiusPort(
            kind,
            self._find_client,
            self._handle(kind),
            DuplicateCache(self._reactor),
            Counters(),
            self._log,
            lambda: self._door.is_healthy,
        )
        port.watch = self.watch
        self._ports.append(port)
        listening = DatagramSocket(self._reactor, sock, port)
        listening.start()
        self._listening.append(listening)

    def _listen_to_stream(self, listener: Listener, sock: socket.socket) -> None:
        port, factory = self._stream_port(listener)
        port.watch = self.watch
        self._ports.append(port)
        self._streams.append(port)
        self._accepting.append(self._reactor.adoptStreamPort(sock.fileno(), sock.family, factory))

    def _stream_port(self, listener: Listener) -> tuple[StreamPort, Any]:
        """Return the port of *listener*, and what the reactor is to make connections with."""
        kind = PortKind(listener.kind)
        patience = self._patience()
        handle, counters, is_healthy = self._handle(kind), Counters(), lambda: self._door.is_healthy
        if listener.transport == "tls":
            assert self._tls is not None, "read for just this listener"
            inside = RadsecPort(
                self._reactor, kind, self._find_owner, handle, counters, self._log, is_healthy, patience
            )
            return inside, inside.inside_tls(self._tls)
        # RFC 6613, 4.1: it is for a network that protects it by other means.
        self._log.warning("radius over tcp is not encrypted", address=listener.address)
        plain = StreamPort(
            self._reactor, kind, self._find_client, handle, counters, self._log, is_healthy, patience
        )
        return plain, plain

    def _patience(self) -> Patience:
        streams = self._settings.streams
        return Patience(
            streams.idle_s, streams.started_s, streams.connections, streams.connections_per_client
        )

    def _find_client(self, host: str) -> Client | None:
        return self._clients().lookup(host)

    def _find_owner(self, identities: Identities, host: str) -> Client | None:
        return self._clients().owner_of(identities, host)

    def _handle(self, kind: PortKind) -> Handle:
        if kind is PortKind.BOTH:
            access, accounting = self._handle(PortKind.AUTH), self._handle(PortKind.ACCT)

            def choose(client: Client, packet: Packet, answer: Answer) -> None:
                (access if packet.code == _ACCESS_REQUEST else accounting)(client, packet, answer)

            return choose
        handler = self._handlers[kind]

        def handle(client: Client, packet: Packet, answer: Answer) -> None:
            host, port = answer.addr[:2]
            # An IPv6 socket shows IPv4 senders so; people know them without it.
            source = f"{host.removeprefix('::ffff:')}:{port}/{packet.identifier}"
            handler.handle(client, packet, answer, source)

        return handle

    def _warn_of_expiry(self, tls: TlsFiles) -> None:
        if tls.expires_soon(datetime.fromtimestamp(self._reactor.seconds(), UTC)):
            self._log.warning("certificate expires soon", expires_at=tls.expires_at.isoformat())
