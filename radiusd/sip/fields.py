"""What SIP headers are made of: lists, addresses, parameters, Via, CSeq (RFC 3261, 20 and 25)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from radiusd.sip.message import is_token

Params = dict[str, str]

_VIA = re.compile(
    r"SIP\s*/\s*2\.0\s*/\s*([A-Za-z0-9-]{1,16})\s+([A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?:\s*:\s*([0-9]{1,5}))?\s*$",
    re.IGNORECASE,
)
_CSEQ = re.compile(r"([0-9]{1,10})\s+(\S{1,64})$", re.ASCII)
_NOT_IN_ADDR_SPEC = frozenset(' \t"<>')
_LARGEST_CSEQ = 2**31 - 1


class BadField(ValueError):
    """
    A header has no value that means anything; the text names it.
    """


@dataclass(frozen=True, slots=True)
class Address:
    """A From, To or Contact: its URI as it is written, and its parameters."""

    uri: str
    params: Params


@dataclass(frozen=True, slots=True)
class Via:
    """The last hop: where it says that answers go, and the *branch* that names its transaction."""

    transport: str
    host: str
    port: int | None
    params: Params

    @property
    def branch(self) -> str:
        """The id of the transaction, empty when there is none."""
        return self.params.get("branch", "")


def split_outside(text: str, separator: str) -> list[str]:
    """Return the parts of *text* between separators that stand neither in quotes nor in angle brackets."""
    parts: list[str] = []
    begun = at = 0
    size = len(text)
    while at < size:
        character = text[at]
        if character == '"':
            at = _after_quotes(text, at)
        elif character == "<":
            closed = text.find(">", at)
            at = size if closed < 0 else closed + 1
        else:
            if character == separator:
                parts.append(text[begun:at])
                begun = at + 1
            at += 1
    parts.append(text[begun:])
    return parts


def read_params(parts: list[str]) -> Params:
    """Return ``name=value`` of *parts*: names in lower case, values without quotes; the first one wins."""
    params: Params = {}
    for part in parts:
        name, _, value = part.partition("=")
        name = name.strip().lower()
        if is_token(name):
            params.setdefault(name, unquoted(value.strip()))
    return params


def read_address(header: str, text: str) -> Address:
    """
    Return the address in *text*, the value of *header*, with or without a display name.

    Raises:
        BadField: There is none.
    """
    head, *rest = split_outside(text, ";")
    opened = _bracket_at(head)
    if opened < 0:
        uri = head.strip()
        if not _NOT_IN_ADDR_SPEC.isdisjoint(uri):  # quotes or brackets that nothing closes
            raise BadField(header)
    else:
        uri, closed, behind = head[opened + 1 :].partition(">")
        if not closed or behind.strip():
            raise BadField(header)
    if not uri:
        raise BadField(header)
    return Address(uri, read_params(rest))


def read_via(text: str) -> Via:
    """
    Return the Via *text*: one value, not a list.

    Raises:
        BadField: It is none.
    """
    head, *rest = split_outside(text, ";")
    found = _VIA.match(head.strip())
    if found is None:
        raise BadField("via")
    port = None if found[3] is None else int(found[3])
    if port is not None and not 1 <= port <= 65535:
        raise BadField("via")
    return Via(found[1].upper(), found[2].lower(), port, read_params(rest))


def read_cseq(text: str) -> tuple[int, str]:
    """
    Return number and method of a CSeq.

    Raises:
        BadField: It is none.
    """
    found = _CSEQ.match(text)
    if found is None or int(found[1]) > _LARGEST_CSEQ:
        raise BadField("cseq")
    return int(found[1]), found[2]


def unquoted(text: str) -> str:
    """Return *text* without the quotes around it, and without the escapes inside these."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def quoted(text: str) -> str:
    """Return *text* in quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _bracket_at(text: str) -> int:
    """Return where the angle bracket of an address opens, behind a display name that may hold others."""
    at = 0
    while at < len(text):
        if text[at] == "<":
            return at
        at = _after_quotes(text, at) if text[at] == '"' else at + 1
    return -1


def _after_quotes(text: str, at: int) -> int:
    """Return the place behind the quoted string that begins *at*; the end when nothing closes it."""
    at += 1
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == '"':
            return at + 1
        at += 1
    return len(text)
