"""Make a browser's PNG smaller: what it draws has few colours, so a palette and zlib's best say it."""

from __future__ import annotations

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_COLOURS = 256


def smaller(png: bytes) -> bytes:
    """Return the same picture with a palette, its colours rounded where there are more than 256."""
    width, height, rows = picture_rows(png)
    for bits in range(8, 2, -1):
        mask = (0xFF << (8 - bits)) & 0xFF
        table = bytes(255 if value & mask == mask else value & mask for value in range(256))
        rounded = [row.translate(table) for row in rows]
        colours = {row[at : at + 3] for row in rounded for at in range(0, len(row), 3)}
        if len(colours) <= MOST_COLOURS:
            break
    palette = sorted(colours)
    number = {colour: index for index, colour in enumerate(palette)}
    lines = b"".join(
        b"\0" + bytes(number[row[at : at + 3]] for at in range(0, len(row), 3)) for row in rounded
    )
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    best = zlib.compress(lines, 9)
    parts = ((b"IHDR", head), (b"PLTE", b"".join(palette)), (b"IDAT", best), (b"IEND", b""))
    return SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def picture_rows(png: bytes) -> tuple[int, int, list[bytes]]:
    """Return width, height, and the rows of red, green and blue of an 8-bit picture without gaps."""
    at, data, head = len(SIGNATURE), b"", b""
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        head = body if kind == b"IHDR" else head
        data += body if kind == b"IDAT" else b""
        at += length + 12
    width, height, depth, colour = struct.unpack(">IIBB", head[:10])
    channels = {2: 3, 6: 4}[colour]
    assert depth == 8, "browsers draw so"
    plain, stride = zlib.decompress(data), width * channels
    before = bytes(stride)
    rows = []
    for start in range(0, len(plain), stride + 1):
        before = _unfiltered(plain[start], plain[start + 1 : start + 1 + stride], before, channels)
        rows.append(before if channels == 3 else b"".join(before[i : i + 3] for i in range(0, stride, 4)))
    return width, height, rows


def _unfiltered(kind: int, line: bytes, above: bytes, step: int) -> bytes:
    """Undo the filter of a row: PNG specification, 9.2."""
    row = bytearray(line)
    for at, value in enumerate(line):
        left = row[at - step] if at >= step else 0
        corner = above[at - step] if at >= step else 0
        guess = (0, left, above[at], (left + above[at]) // 2, _paeth(left, above[at], corner))[kind]
        row[at] = (value + guess) & 0xFF
    return bytes(row)


def _paeth(left: int, above: int, corner: int) -> int:
    base = left + above - corner
    distances = ((abs(base - left), left), (abs(base - above), above), (abs(base - corner), corner))
    return min(distances, key=lambda each: each[0])[1]
