"""Lines that PBXs send over TCP."""

from __future__ import annotations

import pytest

from radiusd.records.streams import CUT_OFF, Lines


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([b"one\r\ntwo\r\n"], [b"one", b"two"]),
        ([b"on", b"e\r", b"\ntwo", b"\r\n"], [b"one", b"two"]),
        ([b"one\rtw", b"o\r"], [b"one", b"two"]),
        ([b"one\ntwo"], [b"one", b"two" + CUT_OFF.strip()]),
        ([b"\r\n\r\n"], []),
    ],
)
def test_lines_end_as_the_pbx_likes(pieces: list[bytes], lines: list[bytes]) -> None:
    """
    With CRLF, LF or CR, in whatever pieces they come; what the connection cuts off is kept as that.
    """
    kept: list[bytes] = []
    protocol = Lines(kept.append, lambda: None)
    for piece in pieces:
        protocol.dataReceived(piece)
    protocol.connectionLost()

    assert lines == list(filter(None, b"".join(kept).splitlines()))
