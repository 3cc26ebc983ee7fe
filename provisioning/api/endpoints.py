"""What an endpoint is: a method and a path, the right that it asks for, what it takes and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from psycopg2.extensions import cursor as Cursor

from provisioning.admin import Admin, Change
from provisioning.moments import instant, parse_moment
from provisioning.pages import MOST, Key, Page, read_cursor, write_cursor
from radiusd.errors import BadInput

if TYPE_CHECKING:
    from provisioning.web import Web

DEFAULT_LIMIT = 50
JSON = "application/json"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the query, or with *in_path* of the path. Its *kind* is str, int, bool or datetime."""

    name: str
    what: str
    kind: type = str
    required: bool = False
    choices: tuple[str, ...] = ()
    in_path: bool = False
    repeated: bool = False
    least: int | None = None
    most: int | None = None


LIMIT = Parameter("limit", "Most things in the answer.", int, least=1, most=MOST)
CURSOR = Parameter("cursor", "What `next` of the answer before said; without it, from the beginning.")
PAGED = (LIMIT, CURSOR)
UPLOAD = Parameter("file", "What messages and the audit call the file in the body.")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as an endpoint sees it: checked, within its transaction."""

    txn: Cursor
    admin: Admin
    web: Web
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Mapping[str, Any] = field(default_factory=dict)  # the fields that were given, as their types
    octets: bytes = b""  # of a body that is no JSON
    if_match: str | None = None

    @property
    def now(self) -> datetime:
        """The time of the request."""
        return self.admin.now

    def page(self, *kinds: type) -> Page:
        """Return the page that was asked for; *kinds* are the types of the parts of its key."""
        return Page(read_cursor(self.query.get("cursor", ""), kinds), self.query.get("limit", DEFAULT_LIMIT))


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What an endpoint answers: *body* as JSON, or as it is where its *media* is another.

    *tagged* things carry an ETag. *change* is what was done, if anything was. *stream* writes an answer of
    any length, in a thread that has no transaction.
    """

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    tagged: bool = False
    change: Change | None = None
    after: Callable[[], Answer] | None = None  # what is left to do after the commit; its answer counts
    media: str = JSON
    stream: Callable[[BinaryIO], object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """
    What a method does at a path.

    *right* None: whoever has a token. *body* is the dataclass whose fields a JSON body has, all of them or
    with *partial* some; *media* names a body that is no JSON, of *most_octets*, and *produces* answers that
    are none. *result* is the dataclass of what comes back, *many* a page of them. *alone*: no other change of
    the catalogue is under way meanwhile.
    """

    method: str
    path: str
    tag: str
    summary: str
    answer: Callable[[Asked], Answer]
    right: str | None
    parameters: tuple[Parameter, ...] = ()
    body: type[Any] | None = None
    fixed: tuple[str, ...] = ()  # fields of the body that are told by the path
    partial: bool = False
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    helps: Mapping[str, str] = field(default_factory=dict)
    media: str | None = None
    most_octets: int = 1_000_000
    produces: tuple[str, ...] = ()  # media of an answer that is no JSON
    result: type[Any] | None = None
    many: bool = False
    streams: bool = False  # server-sent events, as long as somebody listens
    status: int = 200
    tagged: bool = False
    alone: bool = False
    writes: bool = False
    long: bool = False  # what is left after the commit may take minutes
    repeatable: bool = True  # an answer may be kept for who asks with the same Idempotency-Key


def listed(items: Sequence[T], page: Page, key_of: Callable[[T], Key]) -> Answer:
    """Return a page whose *items* are all that there are from its key on, or as many as were asked for."""
    more = page.limit is not None and len(items) == page.limit
    return Answer({"items": items, "next": write_cursor(key_of(items[-1])) if more else None})


def sliced(things: Iterable[T], page: Page, key_of: Callable[[T], Key], newest_first: bool = False) -> Answer:
    """
    Return a page of *things*, of which there are few enough to read them all, in the order of their keys.

    *newest_first*: in the opposite order.
    """
    ordered = sorted(things, key=key_of, reverse=newest_first)
    if page.after:
        ordered = [
            thing
            for thing in ordered
            if (key_of(thing) < page.after if newest_first else key_of(thing) > page.after)
        ]
    return listed(ordered[: page.limit], page, key_of)


def read_parameter(parameter: Parameter, text: str) -> Any:
    """
    Return the value in *text*.

    Raises:
        BadInput: It is none of its kind.
    """
    name = parameter.name
    if parameter.kind is int:
        return _whole(parameter, text)
    if parameter.kind is bool:
        if text not in ("true", "false"):
            raise BadInput(f"{name}: {text[:20]!r} is neither true nor false")
        return text == "true"
    if parameter.kind is datetime:
        return instant(name, parse_moment(name, text), UTC)
    if parameter.choices and text not in parameter.choices:
        raise BadInput(f"{name}: {text[:40]!r} is none of {', '.join(parameter.choices)}")
    return text


def _whole(parameter: Parameter, text: str) -> int:
    if not text.isascii() or not text.lstrip("-").isdecimal() or len(text) > 19:
        raise BadInput(f"{parameter.name}: {text[:40]!r} is not a whole number")
    value = int(text)
    least = parameter.least if parameter.least is not None else -(2**63)
    most = parameter.most if parameter.most is not None else 2**63 - 1
    if not least <= value <= most:
        raise BadInput(f"{parameter.name}: {value} is not from {least} to {most}")
    return value
