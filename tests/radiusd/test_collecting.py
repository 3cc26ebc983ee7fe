"""The collector's own errors: what cannot be opened is said in a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock

from radiusd.errors import BadSettings
from radiusd.handlers.record import Collecting
from radiusd.records.collector import Collector


class Occupied(MemoryReactorClock):
    """A machine on which another process has the port."""

    def listenTCP(self, port: int, *others: Any, interface: str = "", **named: Any) -> Any:
        raise CannotListenError(interface, port, OSError(98, "Address already in use"))


def test_a_port_that_another_process_has_is_named(tmp_path: Path) -> None:
    """
    With the setting's own words and what the system says.
    """
    collectors = [Collector(source="office", listen="127.0.0.1:9000")]
    collecting = Collecting(Occupied(), collectors, tmp_path, lambda source, path: None, None)  # type: ignore[arg-type,return-value]

    with pytest.raises(BadSettings, match=r"127\.0\.0\.1:9000 cannot be had: .*Address already in use"):
        collecting.start()


class Log:
    """Says nothing."""

    def info(self, event: str, **bound: Any) -> None:
        """Say nothing."""

    warning = error = info


def test_two_collectors_of_one_source_write_no_file_of_one_another(tmp_path: Path) -> None:
    """
    Two ports of one PBX: the lines of both are kept.
    """
    reactor = MemoryReactorClock()
    collectors = [Collector(source="office", listen=f"127.0.0.1:{port}") for port in (9000, 9001)]
    Collecting(reactor, collectors, tmp_path, lambda source, path: None, Log()).start()  # type: ignore[arg-type,return-value]
    peer = IPv4Address("TCP", "127.0.0.1", 1)
    streams = [factory.buildProtocol(peer) for _, factory, *_ in reactor.tcpServers]
    for stream in streams:
        stream.dataReceived(b"a line of %d\r\n" % id(stream))

    kept = b"".join(path.read_bytes() for path in (tmp_path / "office").iterdir())
    assert [b"a line of %d" % id(stream) for stream in streams] == kept.splitlines()
