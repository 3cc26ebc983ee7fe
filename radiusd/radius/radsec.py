"""RADIUS inside TLS (RFC 6614): a certificate tells who speaks, and what they say needs no other proof."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from OpenSSL import SSL
from OpenSSL.crypto import X509StoreFlags
from twisted.internet.interfaces import IHandshakeListener, IOpenSSLContextFactory
from twisted.internet.protocol import connectionDone
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from radiusd.connections import Patience
from radiusd.radius.admission import PortKind
from radiusd.radius.certificates import Identities, identities_of
from radiusd.radius.clients import Client
from radiusd.radius.counters import Counters
from radiusd.radius.discard_log import Log
from radiusd.radius.discards import Reason
from radiusd.radius.reception import Handle
from radiusd.radius.stream import StreamConnection, StreamPort

SECRET = b"radsec"
"""The shared secret of everybody inside TLS, and of nobody outside (RFC 6614, 2.3)."""

ALPN = b"radius/1.0"
"""What we speak, in the words of RFC 9765; a peer need not say so."""

_CRL_END = b"-----END X509 CRL-----\n"
EXPIRY_WARNING = timedelta(days=30)


class BadCertificate(Exception):
    """
    A file of keys or certificates cannot be used; the text has its path and what to do.
    """


class TlsFiles:
    """
    The files of certificates, and the OpenSSL context made of them; read again when told to.

    Args:
        certificate: Ours, with those that lead to the root behind it (PEM).
        key: Its private key (PEM).
        ca: Whose signature we believe (PEM); several may stand there.
        crl: Which certificates were taken back (PEM); None: no list is asked for.

    Raises:
        BadCertificate: One of them cannot be used.
    """

    def __init__(self, certificate: Path, key: Path, ca: Path, crl: Path | None = None) -> None:
        self._certificate = certificate
        self._key = key
        self._ca = ca
        self._crl = crl
        self.expires_at: datetime
        self.context: SSL.Context
        self.read()

    def read(self) -> None:
        """
        Use the files as they are now, for connections from now on.

        Raises:
            BadCertificate: One of them cannot be used; those read before stay in use.
        """
        context = _bare_context()
        _use(self._key, context.use_privatekey_file)
        _use(self._certificate, context.use_certificate_chain_file)
        _use(self._ca, context.load_verify_locations)
        if self._crl is not None:
            self._add_crl(context, self._crl)
        try:
            context.check_privatekey()
        except SSL.Error as error:
            raise BadCertificate(
                f"{self._key}: it is not the key of {self._certificate}; name the two that belong together"
            ) from error
        self.expires_at = _expiry_of(self._certificate)
        self.context = context

    def expires_soon(self, now: datetime) -> bool:
        """Tell whether our certificate needs to be renewed."""
        return self.expires_at - now < EXPIRY_WARNING

    def _add_crl(self, context: SSL.Context, path: Path) -> None:
        store = context.get_cert_store()
        assert store is not None, "a context always has one"
        try:
            lists = path.read_bytes().split(_CRL_END)[:-1]  # one for each authority
            if not lists:
                raise ValueError("nothing ends like one")
            for pem in lists:
                store.add_crl(x509.load_pem_x509_crl(pem + _CRL_END))
        except (OSError, ValueError) as error:
            raise BadCertificate(f"{path}: no list of revoked certificates in PEM: {error}") from error
        store.set_flags(X509StoreFlags.CRL_CHECK)


def _bare_context() -> SSL.Context:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)  # RFC 8996
    # RFC 6614, 2.3: both sides show a certificate.
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
    # A resumed session would skip the verification, and with it what has changed since.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
    context.set_session_id(b"tollwire")
    context.set_alpn_select_callback(_choose_protocol)
    return context


def _choose_protocol(_connection: SSL.Connection, offered: list[bytes]) -> bytes:
    """Return radius/1.0 to who offers it; who offers only something else is refused (RFC 9765, 3.3)."""
    if ALPN in offered:
        return ALPN
    # OpenSSL's own form of an error, which Twisted takes apart.
    raise SSL.Error([("SSL routines", "", "no application protocol in common")])


def _use(path: Path, load: Callable[[Any], None]) -> None:
    try:
        with path.open("rb"):
            pass
        load(str(path))
    except OSError as error:
        raise BadCertificate(f"{path}: cannot be read: {error.strerror}") from error
    except SSL.Error as error:
        why = "; ".join(part for found in error.args[0] for part in found[-1:]) if error.args else ""
        raise BadCertificate(
            f"{path}: OpenSSL cannot use it ({why}); is it PEM without a password?"
        ) from error


def _expiry_of(path: Path) -> datetime:
    return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc


@implementer(IOpenSSLContextFactory)
class _CurrentContext:
    """Gives each new connection the context that counts now."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files

    def getContext(self) -> SSL.Context:
        """Return it."""
        return self._files.context


class RadsecPort(StreamPort):
    """
    One TCP port with TLS.

    Args:
        find_owner: Says which client a peer is by what its certificate says and the address it comes from.
    """

    def __init__(
        self,
        reactor: Any,
        kind: PortKind,
        find_owner: Callable[[Identities, str], Client | None],
        handle: Handle,
        counters: Counters,
        log: Log,
        is_healthy: Callable[[], bool],
        patience: Patience,
    ) -> None:
        super().__init__(reactor, kind, lambda _: None, handle, counters, log, is_healthy, patience)
        self.find_owner = find_owner

    def inside_tls(self, files: TlsFiles) -> TLSMemoryBIOFactory:
        """Return the factory to listen with."""
        return TLSMemoryBIOFactory(_CurrentContext(files), False, self)

    def buildProtocol(self, _address: object) -> StreamConnection:
        """Return what speaks on a new connection."""
        return RadsecConnection(self)


@implementer(IHandshakeListener)
class RadsecConnection(StreamConnection):
    """
    One connection of a client that has a certificate.
    """

    port: RadsecPort

    def __init__(self, port: RadsecPort) -> None:
        super().__init__(port)
        self._identities: Identities | None = None
        self._known: Client | None = None
        self._as_inside: Client | None = None

    def begin(self) -> None:
        """Wait for the handshake."""

    def handshakeCompleted(self) -> None:
        """See whose certificate it is; OpenSSL has verified it."""
        certificate: Any = self.transport.getPeerCertificate()
        self._identities = identities_of(certificate.to_cryptography())
        client = self.identify()
        if client is None:
            self.refuse(Reason.UNKNOWN_CERTIFICATE)
        else:
            self.welcome(client)

    def identify(self) -> Client | None:
        """Return the client whose certificate it is, such as it is inside TLS."""
        client = self.port.find_owner(self._identities or (), self.host)
        if client is None:
            return None
        if client is not self._known:  # the catalogue has changed
            self._known, self._as_inside = client, client_inside_tls(client)
        return self._as_inside

    @property
    def is_half(self) -> bool:
        """Tell whether the handshake, or a packet, has come in part."""
        return self._identities is None or super().is_half

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Say why a handshake came to nothing."""
        if self._identities is None and not self.is_closing:
            self.discard(None, self.host, Reason.HANDSHAKE_FAILED)
        super().connectionLost(reason)


def client_inside_tls(client: Client) -> Client:
    """
    Return *client* with what holds for its packets inside TLS.

    The secret is everybody's there, and no packet needs a Message-Authenticator, because TLS signs them all.
    """
    return replace(
        client,
        secret=SECRET,
        require_message_authenticator=False,
        limit_proxy_state=False,
        transport_signs=True,
    )
