"""Cut a stream of octets into SIP messages (RFC 3261, 18.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from radiusd.sip.message import MOST_HEAD_OCTETS

MOST_BODY_OCTETS = 65_536
PING = b"\r\n\r\n"
"""What asks whether the connection is alive (RFC 5626, 3.5.1); the answer is one CRLF."""

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:[ \t]*([0-9]{1,9})[ \t]*\r\n", re.IGNORECASE)


class BadStream(Exception):
    """
    Nobody knows where the next message would begin; the connection must be closed.
    """


class Framer:
    """
    Keeps what has arrived of a message until the rest of it comes, which is bounded.
    """

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    @property
    def is_between_messages(self) -> bool:
        """Tell whether nothing of a next message has arrived."""
        return not self._rest.strip(b"\r\n")

    def messages(self, octets: bytes) -> Iterator[bytes]:
        """
        Yield the messages, and :data:`PING`, that *octets* complete; take all of them before the next piece.

        Raises:
            BadStream: The headers are too long, or do not say how long the body is.
        """
        data = self._rest + octets if self._rest else octets
        at = 0
        while True:
            if data.startswith(PING, at):
                yield PING
                at += len(PING)
                continue
            while data.startswith(b"\r\n", at) and not data.startswith(PING[: len(data) - at], at):
                at += 2  # RFC 3261, 7.5
            size = _message_size(data, at)
            if size is None or at + size > len(data):
                break
            yield data[at : at + size]
            at += size
        self._rest = data[at:]


def _message_size(data: bytes, at: int) -> int | None:
    """Return how long the message that begins *at* is; None: its headers have not all come."""
    end = data.find(_END, at, at + MOST_HEAD_OCTETS)
    if end < 0:
        if len(data) - at >= MOST_HEAD_OCTETS:
            raise BadStream("headers too long")
        return None
    head = end + len(_END)
    found = _LENGTH.search(data, at, head)
    if found is None:
        raise BadStream("no Content-Length")  # RFC 3261, 20.14: over a stream it must be there
    length = int(found[1])
    if length > MOST_BODY_OCTETS:
        raise BadStream("body too long")
    return head - at + length
