"""The JSON and XML documents in a file: one after the other, each with its place and bounded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple
from xml.parsers import expat

import msgspec

from radiusd.records.lines import Line, lines
from radiusd.records.record import SetAside

LONGEST_DOCUMENT = 1 << 20
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
    """Yield the JSON objects in *file*: one a line, over many lines, or in a list."""
    pending = _Pending()
    for line in lines(file, longest=LONGEST_DOCUMENT):
        if isinstance(line, SetAside):
            yield from pending.give_up("the document is cut off")
            yield line
            continue
        alone = _decoded(line.text) if line.text[0] in "{[" or not pending.lines else None
        if alone is not None and (not pending.lines or "variables" in alone[0]):
            # What was begun before is cut off: nothing within a document looks like a whole one.
            yield from pending.give_up("the document is cut off; the next one begins behind it")
            yield from (Document(line.number, line.offset, line.octets, each) for each in alone)
        elif pending.lines or not _is_bracket(line.text):
            yield from pending.take(line)
    yield from pending.give_up("the document is cut off by the end of the file")


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


_XML_BEGIN = re.compile(rb"<cdr[\s>]")
_XML_END = b"</cdr>"
_BETWEEN = re.compile(rb"(?:\s|\xef\xbb\xbf|<\?[^?]{0,200}\?>|</?(?:cdrs|records)>)*")
_LONGEST_BEGIN = 8


def xml_documents(file: BinaryIO) -> Iterator[Document | SetAside]:
    """
    Yield the ``<cdr>`` elements in *file*.

    What stands between them (the XML declaration; a document type, were there one) is never given to the
    parser, so there are no entities to expand.
    """
    window = _Window(file)
    while (begin := window.search(_XML_BEGIN)) is not None:
        if junk := window.drop(begin, _BETWEEN):
            yield junk
        end = window.find(_XML_END, 1)
        cut = window.find_within(_XML_BEGIN, 1, end)
        if cut is not None:
            yield window.set_aside("the document is cut off; the next one begins behind it", cut)
        elif end is None:
            yield window.set_aside("the document is cut off, or longer than is borne", window.size)
        else:
            yield window.document(end + len(_XML_END))
    if junk := window.drop(window.size, _BETWEEN):
        yield junk


class _Window:
    """A piece of a file that moves on over it, and where it is."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._octets = b""
        self._offset, self._line = 0, 1

    @property
    def size(self) -> int:
        return len(self._octets)

    def search(self, pattern: re.Pattern[bytes]) -> int | None:
        """Return where *pattern* is next; of what surely is before it only the first octets are kept."""
        at = 0
        while True:
            found = pattern.search(self._octets, at)
            if found is not None:
                return found.start()
            at = max(0, self.size - _LONGEST_BEGIN)
            if self.size > LONGEST_DOCUMENT:
                self._move(at - LONGEST_DOCUMENT // 2)
                at = max(0, self.size - _LONGEST_BEGIN)
            if not self._read():
                return None

    def find(self, octets: bytes, at: int) -> int | None:
        """Return where *octets* are behind *at*, None when they are not within a document's bounds."""
        while (found := self._octets.find(octets, at)) < 0:
            at = max(1, self.size - len(octets))
            if self.size > LONGEST_DOCUMENT or not self._read():
                return None
        return found

    def find_within(self, pattern: re.Pattern[bytes], at: int, end: int | None) -> int | None:
        found = pattern.search(self._octets, at, self.size if end is None else end)
        return None if found is None else found.start()

    def drop(self, end: int, harmless: re.Pattern[bytes]) -> SetAside | None:
        """Move to *end*; what lies before it and is not *harmless* is set aside."""
        before = self._octets[:end]
        if harmless.fullmatch(before):
            self._move(end)
            return None
        return self.set_aside("no <cdr> element", end)

    def set_aside(self, reason: str, end: int) -> SetAside:
        found = SetAside(reason=reason, line=self._line, offset=self._offset, raw=self._octets[:end])
        self._move(end)
        return found

    def document(self, end: int) -> Document | SetAside:
        octets = self._octets[:end]
        try:
            content = _parsed(octets)
        except (expat.ExpatError, ValueError) as error:
            return self.set_aside(f"not XML: {error}", end)
        found = Document(self._line, self._offset, octets, content)
        self._move(end)
        return found

    def _read(self) -> bool:
        more = self._file.read(READ_OCTETS)
        self._octets += more
        return bool(more)

    def _move(self, end: int) -> None:
        self._line += self._octets.count(b"\n", 0, end)
        self._offset += end
        self._octets = self._octets[end:]


def _parsed(octets: bytes) -> dict[str, Any]:
    """Return variables and caller profiles of a ``<cdr>`` element, in the form of the JSON documents."""
    variables: dict[str, str] = {}
    profiles: list[dict[str, str]] = []
    path: list[str] = []
    text: list[str] = []

    def begin(name: str, _attributes: Mapping[str, str]) -> None:
        path.append(name)
        text.clear()
        if len(path) > MOST_DEPTH:
            raise ValueError(f"elements in elements, {MOST_DEPTH} deep")
        if path[1:] == ["callflow", "caller_profile"]:
            profiles.append({})

    def end(name: str) -> None:
        value = "".join(text).strip()
        text.clear()
        if path[1:2] == ["variables"] and len(path) == 3:
            variables.setdefault(name, value)
        elif path[1:3] == ["callflow", "caller_profile"] and len(path) == 4:
            profiles[-1].setdefault(name, value)
        path.pop()

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
