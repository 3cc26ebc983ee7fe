"""Cut a stream of octets into RADIUS packets (RFC 6613, 2.1)."""

from __future__ import annotations

from collections.abc import Iterator

from radiusd.radius.assigned import HEADER_OCTETS, MAX_PACKET_OCTETS
from radiusd.radius.discards import MalformedPacket, Reason

_LENGTH_AT, _LENGTH_END = 2, 4


class Framer:
    """
    Keeps what has arrived of a packet until the rest of it comes.

    However a stream is cut into pieces, the same packets come out. Between two
    pieces it keeps less than one packet, 4096 octets at most.
    """

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    @property
    def is_between_packets(self) -> bool:
        """Tell whether nothing of a next packet has arrived."""
        return not self._rest

    def packets(self, octets: bytes) -> Iterator[bytes]:
        """
        Yield the packets that *octets* complete; take all of them before the next piece comes.

        Raises:
            MalformedPacket: A Length is impossible, so that nobody knows where the next packet
                begins: the connection must be closed (RFC 6613, 2.6.4).
        """
        data = self._rest + octets if self._rest else octets
        size = len(data)
        at = 0
        while at + _LENGTH_END <= size:
            length = data[at + _LENGTH_AT] << 8 | data[at + _LENGTH_AT + 1]
            if length < HEADER_OCTETS:
                raise MalformedPacket(Reason.LENGTH_BELOW_20)
            if length > MAX_PACKET_OCTETS:
                raise MalformedPacket(Reason.LENGTH_ABOVE_4096)
            if at + length > size:
                break
            yield data[at : at + length]
            at += length
        self._rest = data[at:]
