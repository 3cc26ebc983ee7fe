"""The way to each NAS that is asked to end calls: UDP, or RADIUS/TLS on our connection (RFC 6614, 2.5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from radiusd.radius.clients import Client
from radiusd.radius.coa import LONGEST_S, Target, UdpPaths
from radiusd.radius.coa import Path as Way
from radiusd.radius.radsec import SECRET
from radiusd.radius.request import BadRequest
from radiusd.radius.stream_client import StreamClient, connection_creator, endpoint_of
from radiusd.settings import Tls


class _Place(NamedTuple):
    host: str
    port: int
    server_name: str


class CoaPaths:
    """
    Finds or makes the path that a client wants.

    Inside TLS we show our own certificate, as our listeners do, and the NAS must show one with a name that
    its client has among its ``certificates``, else with its address.
    """

    def __init__(self, reactor: Any, tls: Tls) -> None:
        self._reactor = reactor
        self._tls = tls
        self._udp = UdpPaths(reactor)
        self._streams: dict[_Place, StreamClient] = {}

    def path(self, client: Client, target: Target) -> Way:
        """
        Return the path to the NAS of *client* at *target*.

        Raises:
            BadRequest: It wants TLS, and the certificates for that cannot be used.
            ValueError: *target* is no address.
        """
        if client.coa_transport != "tls":
            return self._udp.path(target)
        names = [one.removeprefix("dns:") for one in client.certificates if one.startswith("dns:")]
        place = _Place(target.host, target.port, names[0] if names else target.host)
        path = self._streams.get(place)
        if path is None:
            path = self._streams[place] = self._stream(place)
        return path

    def read_certificates(self) -> None:
        """Use the files as they are now for connections from now on; what is under way on others fails."""
        for path in self._streams.values():
            path.close()
        self._streams.clear()

    def close(self) -> None:
        """Close all paths; what is under way fails."""
        self._udp.close()
        self.read_certificates()

    def _stream(self, place: _Place) -> StreamClient:
        tls = self._tls
        if not (tls.certificate and tls.key and tls.ca):
            raise BadRequest("coa_transport is tls: name certificate, key and ca under tls in the settings")
        ca, certificate, key = map(Path, (tls.ca, tls.certificate, tls.key))
        try:
            creator = connection_creator(place.server_name, ca, certificate, key)
        except (OSError, ValueError) as error:
            raise BadRequest(f"tls: {error}") from error
        name = f"{place.host} port {place.port} (TLS)"
        endpoint = endpoint_of(self._reactor, place.host, place.port, creator)
        return StreamClient(self._reactor, endpoint, name, SECRET, LONGEST_S)
