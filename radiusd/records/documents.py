"""The JSON and XML documents in a file: one after the other, each with its place and bounded."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple, cast
from xml.parsers import expat

import msgspec

from radiusd.records.lines import Line, lines
from radiusd.records.record import SetAside

LONGEST_DOCUMENT = 1 << 20
SHORTEST_DOCUMENT = 40
MOST_LINES = 20_000
READ_OCTETS = 1 << 16
MOST_DEPTH = 32


class Document(NamedTuple):
    """A document and where it began."""

    line: int
    offset: int
    octets: bytes
    content: Mapping[str, Any]


def json_documents(file: BinaryIO) -> Iterator[Document | SetAside]:
    """Yield the JSON objects in *file*: one a line, over many lines, in a list, or with nothing between."""
    pending = _Pending()
    for line in lines(cast(BinaryIO, _Parted(file)), longest=LONGEST_DOCUMENT):
        if isinstance(line, SetAside):
            yield from pending.give_up("the document is cut off")
            yield line
            continue
        # Within a document only a line of some length is worth a try.
        is_begin = not pending.lines or (line.text[0] == "{" and len(line.text) >= SHORTEST_DOCUMENT)
        alone = _decoded(line.text) if is_begin else None
        if alone is not None and (not pending.lines or "variables" in alone[0]):
            # What was begun before is cut off: nothing within a document looks like a whole one.
            yield from pending.give_up("the document is cut off; the next one begins behind it")
            yield from (Document(line.number, line.offset, line.octets, each) for each in alone)
        elif pending.lines or not _is_bracket(line.text):
            yield from pending.take(line)
    yield from pending.give_up("the document is cut off by the end of the file")


# Within a text the second quote would be followed by what may follow a text, or would be escaped.
_GLUED = re.compile(rb'\}(?=\{(?:\s*"[\w-]+"\s*:|[ \t\r]*\n))')


class _Parted:
    """
    A file of which a line ends, too, where an object follows another one.

    FreeSWITCH writes a file a call, with no line end in it; such files are often put together.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._parts: deque[bytes] = deque()

    def seekable(self) -> bool:
        return self._file.seekable()

    def tell(self) -> int:
        return self._file.tell()

    def readline(self, limit: int) -> bytes:
        """Return the next line, or so much of it."""
        if not self._parts:
            octets = self._file.readline(limit)
            if b"}{" not in octets:
                return octets
            self._part(octets)
        octets = self._parts.popleft()
        if not self._parts and not octets.endswith(b"\n"):  # it goes on
            self._part(octets + self._file.readline(limit - len(octets)))
            octets = self._parts.popleft()
        return octets

    def read(self, size: int) -> bytes:
        """Return what comes next, about *size* octets of it."""
        octets = b"".join(self._parts) or self._file.read(size)
        self._parts.clear()
        return octets

    def _part(self, octets: bytes) -> None:
        ends = [match.end() for match in _GLUED.finditer(octets)]
        self._parts.extend(octets[begin:end] for begin, end in zip([0, *ends], [*ends, None], strict=True))


class _Pending:
    """The lines of a document that has not ended yet."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._depth = 0
        self._octets = 0

    def take(self, line: Line) -> Iterator[Document | SetAside]:
        self.lines.append(line)
        self._octets += len(line.octets) + 1
        self._depth += _depth(line.text)
        if self._depth <= 0:
            found = _decoded("\n".join(each.text for each in self.lines))
            if found is None:
                yield from self.give_up("not a JSON object")
                return
            first, raw = self.lines[0], self._raw()
            yield from (Document(first.number, first.offset, raw, each) for each in found)
            self._forget()
        elif self._octets > LONGEST_DOCUMENT or len(self.lines) > MOST_LINES:
            yield from self.give_up(f"no document has {LONGEST_DOCUMENT} octets or {MOST_LINES} lines")

    def give_up(self, reason: str) -> Iterator[SetAside]:
        if self.lines:
            first = self.lines[0]
            yield SetAside(reason=reason, line=first.number, offset=first.offset, raw=self._raw())
            self._forget()

    def _raw(self) -> bytes:
        return b"\n".join(line.octets for line in self.lines)[:LONGEST_DOCUMENT]

    def _forget(self) -> None:
        self.lines, self._depth, self._octets = [], 0, 0


_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"?|[{}\[\]]')


def _depth(text: str) -> int:
    """Return how many more objects and lists *text* opens than it closes."""
    return sum((token in "{[") - (token in "}]") for token in _TOKENS.findall(text))


def _is_bracket(text: str) -> bool:
    return text.strip() in ("[", "]", "],", ",")


def _decoded(text: str) -> list[dict[str, Any]] | None:
    """Return the objects that *text* is, None when it is none."""
    try:
        found = msgspec.json.decode(text.strip().removesuffix(","))
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
    found = found if isinstance(found, list) else [found]
    return found if found and all(isinstance(each, dict) for each in found) else None


_BEGIN = re.compile(rb"<cdr[\s>]")
_MARK = re.compile(rb"<cdr[\s>]|</cdr>")
_BETWEEN = re.compile(  # it never goes back
    rb"(?:\s++|\xef\xbb\xbf|<\?[^?]{0,200}\?>|<!--[^>]{0,2000}-->|</?(?:cdrs|records)>)*+"
)
_LONGEST_MARK = 8


def xml_documents(file: BinaryIO) -> Iterator[Document | SetAside]:
    """
    Yield the ``<cdr>`` elements in *file*.

    What stands between them (the XML declaration; a document type, were there one) is never given to the
    parser, so there are no entities to expand.
    """
    window = _Window(file)
    while (begin := window.search(_BEGIN, 0)) is not None or not window.at_end:
        if begin is None:
            begin = max(0, window.size - _LONGEST_MARK)  # no document so far
        if begin and not window.skip(begin, _BETWEEN):
            yield window.set_aside("no <cdr> element", begin)
        if window.search(_BEGIN, 0) != 0:
            continue
        mark = window.search(_MARK, 1)
        if mark is None:
            yield window.set_aside("the document is cut off, or longer than we bear", window.size)
        elif window.begins(_BEGIN, mark):
            yield window.set_aside("the document is cut off; the next one begins behind it", mark)
        else:
            yield window.document(mark + len(b"</cdr>"))
    if window.size and not window.skip(window.size, _BETWEEN):
        yield window.set_aside("no <cdr> element", window.size)


class _Window:
    """A piece of a file that moves on over it; positions count from where it is now."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._octets = b""
        self._at = 0
        self._offset, self._line = 0, 1
        self.at_end = False

    @property
    def size(self) -> int:
        return len(self._octets) - self._at

    def search(self, pattern: re.Pattern[bytes], begin: int) -> int | None:
        """Return where *pattern* is, from *begin* on; None when it is not within a document's bounds."""
        while (found := pattern.search(self._octets, self._at + begin)) is None:
            begin = max(begin, self.size - _LONGEST_MARK)
            if self.size > LONGEST_DOCUMENT or not self._read():
                return None
        return found.start() - self._at

    def begins(self, pattern: re.Pattern[bytes], at: int) -> bool:
        """Tell whether *pattern* is right at *at*."""
        return pattern.match(self._octets, self._at + at) is not None

    def skip(self, end: int, harmless: re.Pattern[bytes]) -> bool:
        """Move to *end* and return True when what lies before it is *harmless*."""
        if harmless.fullmatch(self._octets, self._at, self._at + end) is None:
            return False
        self._move(end)
        return True

    def set_aside(self, reason: str, end: int) -> SetAside:
        """Move to *end*, and return what lies before it as set aside."""
        raw = self._octets[self._at : self._at + end]
        found = SetAside(reason=reason, line=self._line, offset=self._offset, raw=raw)
        self._move(end)
        return found

    def document(self, end: int) -> Document | SetAside:
        """Move to *end*, and return the document before it; set aside when it is none."""
        octets = self._octets[self._at : self._at + end]
        try:
            content = _parsed(octets)
        except (expat.ExpatError, ValueError) as error:
            return self.set_aside(f"not XML: {error}", end)
        found = Document(self._line, self._offset, octets, content)
        self._move(end)
        return found

    def _read(self) -> bool:
        more = self._file.read(READ_OCTETS)
        self._octets = self._octets[self._at :] + more
        self._at = 0
        self.at_end = not more
        return bool(more)

    def _move(self, end: int) -> None:
        self._line += self._octets.count(b"\n", self._at, self._at + end)
        self._offset += end
        self._at += end


def _parsed(octets: bytes) -> dict[str, Any]:
    """Return variables and caller profiles of a ``<cdr>`` element, in the form of the JSON documents."""
    variables: dict[str, str] = {}
    profiles: list[dict[str, str]] = []
    text: list[str] = []
    depth, within = 0, ""  # the element on the second level
    into: dict[str, str] = {}
    at_depth = 0  # of the elements whose text goes *into* that; 0: none

    def begin(name: str, _attributes: Mapping[str, str]) -> None:
        nonlocal depth, within, into, at_depth
        depth += 1
        if depth == at_depth:
            text.clear()
            if depth == 4 and name == "originator":
                into[name] = "told"  # by what stands within it
        elif depth == 2:
            within, into = name, variables
            at_depth = 3 if name == "variables" else 0
        elif depth == 3 and within == "callflow":
            at_depth = 4 if name == "caller_profile" else 0
            if at_depth:
                into = {}
                profiles.append(into)
        elif depth > MOST_DEPTH:
            raise ValueError(f"elements in elements, {MOST_DEPTH} deep")

    def end(name: str) -> None:
        nonlocal depth
        if depth == at_depth:
            into.setdefault(name, "".join(text).strip())
        else:
            text.clear()  # what stands in an element within is not said of the outer one
        depth -= 1

    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.CharacterDataHandler = text.append
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        octets = octets.decode("latin-1").encode("utf-8")
    parser.Parse(octets, True)
    return {"variables": variables, "callflow": [{"caller_profile": profile} for profile in profiles]}
