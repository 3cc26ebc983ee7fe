"""Where each field of an event stands and how it is written, when a client's settings alone say so."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from radiusd.dialects.dictionary import Definition
from radiusd.dialects.reading import LONGEST_CALL_MS, Reading
from radiusd.dialects.sources import Source, read_source
from radiusd.radius.packet import Packet

NUMBERS = ("calling", "called", "calling_in", "calling_out", "called_in", "called_out")
ADDRESSES = ("remote_ip", "dest_ip")
TEXTS = ("call_id", "leg_id", "trunk_in", "trunk_out", "tenant", "username")
TIMES = ("setup", "connect", "disconnect")
COUNTS = ("duration", "cause", "sip_code")
WORDS = {
    "leg": ("answer", "originate", "single"),
    "release_side": ("caller", "callee", "system"),
    "status": ("answered", "failed", "setup"),
}
"""Fields that are one of a few words, and those words: what a sender writes for each is ``FIELD_WORD``."""

FIELDS = (*TEXTS, *NUMBERS, *ADDRESSES, *TIMES, *COUNTS, *WORDS)
START_MEANS = ("answer", "setup")
_TEXT_FORMS = ("text", "integer", "hex")
_TIME_FORMS = ("stamp", "unix", "unix_ms")
_UNIX_FORMS = frozenset({"unix", "unix_ms"})
_COUNT_FORMS = ("text", "integer")
_FRACTION = re.compile(r"(\d{1,12})(?:\.(\d{1,9}))?", re.ASCII)
_CLOCK = re.compile(r"(\d{1,4}):(\d\d):(\d\d)(?:\.(\d{1,9}))?", re.ASCII)
_DIGITS_AT_MOST = 18


class Place(NamedTuple):
    """Where a field stands: in the packet at *source*, or nowhere but in the settings, as *constant*."""

    source: Source | None
    constant: str
    form: str

    def read(self, packet: Packet) -> str:
        """Return what stands there as text, the empty string when nothing does."""
        if self.source is None:
            return self.constant
        if self.form not in ("integer", "hex"):
            return self.source.read(packet)
        value = self.source.find(packet) or b""
        if self.form == "hex":
            return value.hex()
        return str(int.from_bytes(value, "big")) if 0 < len(value) <= 8 else ""

    def stamp(self, packet: Packet) -> str:
        """Return the time that stands there as text; UNIX times may be 4 or 8 octets, as RADIUS has dates."""
        octets = self.source.find(packet) if self.source and self.form in _UNIX_FORMS else None
        # Nobody writes a time of our days with so few digits.
        return str(int.from_bytes(octets, "big")) if octets and len(octets) in (4, 8) else self.read(packet)

    def find(self, packet: Packet) -> bytes | str | None:
        """Return the octets that stand there, for who knows better what they are."""
        return self.constant if self.source is None else self.source.find(packet)


@dataclass(frozen=True, slots=True)
class FieldMap:
    """
    The places of a client's fields, and what its words mean.

    *words* has, for each field of :data:`WORDS`, what the sender writes (lower case) and what it means.
    *start_means* is what a Start tells; empty: what its connect time says.
    """

    places: Mapping[str, Place]
    words: Mapping[str, Mapping[str, str]]
    start_means: str = ""

    def text(self, name: str, packet: Packet, usual: str = "") -> str:
        """Return field *name* as text, *usual* when the settings do not say where it stands."""
        place = self.places.get(name)
        return place.read(packet) if place else usual

    def word(self, name: str, packet: Packet) -> str:
        """Return field *name* as one of the words of :data:`WORDS`, the empty string for any other word."""
        written = self.text(name, packet).lower()
        known = self.words.get(name, {})
        return known.get(written, written if written in WORDS[name] and not known else "")

    def stamp(self, name: str, reading: Reading) -> str:
        """Return field *name* as a stamp that :meth:`Reading.moment` reads; one that is none is flagged."""
        place = self.places.get(name)
        written = place.stamp(reading.packet) if place else ""
        if place is None or not written or place.form in ("stamp", "unix"):
            return written
        try:
            return _plain_stamp(written, place.form)
        except (ValueError, OverflowError):
            reading.doubt("bad_time_stamp")
            return ""

    def milliseconds(self, name: str, reading: Reading) -> int | None:
        """Return field *name* as milliseconds: a count in the client's unit, or hours:minutes:seconds."""
        written = self.text(name, reading.packet)
        if not written:
            return None
        lasted_ms = _milliseconds(written, reading.settings.unit_ms)
        if lasted_ms is None or lasted_ms > LONGEST_CALL_MS:
            reading.doubt("bad_session_time")
            return None
        return lasted_ms


def _plain_stamp(written: str, form: str) -> str:
    """Return *written*, UNIX milliseconds or in a pattern of strptime's, as a stamp that everybody reads."""
    if form == "unix_ms":
        if not written.isdecimal() or len(written) > _DIGITS_AT_MOST:
            raise ValueError(written)
        moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(written))
        return moment.strftime("%Y-%m-%d %H:%M:%S.%f +0000")
    read = datetime.strptime(written, form)  # noqa: DTZ007  # the zone follows, or is the client's
    zone = read.strftime("%z")[:5]
    return f"{read:%Y-%m-%d %H:%M:%S.%f} {zone}".strip()


def _milliseconds(written: str, unit_ms: int) -> int | None:
    """Return ``61``, ``61.5`` (in units) or ``0:01:01.5`` as milliseconds, exactly, rest cut off."""
    if match := _CLOCK.fullmatch(written):
        hours, minutes, seconds = map(int, match.groups()[:3])
        whole, fraction, unit_ms = hours * 3600 + minutes * 60 + seconds, match[4], 1000
    elif match := _FRACTION.fullmatch(written):
        whole, fraction = int(match[1]), match[2]
    else:
        return None
    return whole * unit_ms + (int(fraction.ljust(9, "0")) * unit_ms // 10**9 if fraction else 0)


def is_mapped(setting: str) -> bool:
    """Tell whether *setting* is one of those that :func:`read_field_map` understands."""
    return setting in _READERS


def read_field_map(
    written: Mapping[str, str], known: Mapping[str, Definition]
) -> tuple[FieldMap, list[str]]:
    """Return what the settings *written* say of places, and what is wrong with them, a sentence each."""
    draft = _Draft(written, known)
    for setting, value in written.items():
        try:
            _READERS[setting](draft, setting, value)
        except ValueError as error:
            draft.problems.append(f"setting {setting}: {error}")
    return FieldMap(draft.places, draft.words, draft.start_means), draft.problems


class _Draft:
    """A field map while its settings are read."""

    def __init__(self, written: Mapping[str, str], known: Mapping[str, Definition]) -> None:
        self.written = written
        self.known = known
        self.places: dict[str, Place] = {}
        self.words: dict[str, dict[str, str]] = {}
        self.start_means = ""
        self.problems: list[str] = []

    def place(self, setting: str, value: str) -> None:
        field = setting.removesuffix("_from")
        form = self._form_of(field)
        if not value.startswith("="):
            self.places[field] = Place(read_source(value, self.known), "", form)
            return
        constant = value[1:].strip()
        if field in TIMES or field == "duration":
            raise ValueError("a constant cannot be a time; name the attribute that holds it")
        if not constant:
            raise ValueError("'=' is followed by the constant that every event has, as in =acme")
        if field in WORDS and constant not in WORDS[field]:
            raise ValueError(f"{constant!r} is not one of {', '.join(WORDS[field])}")
        self.places[field] = Place(None, constant, form)

    def _form_of(self, field: str) -> str:
        """Return the form that is set, else the usual one; a wrong one is told by :meth:`form`."""
        usual = "stamp" if field in TIMES else "text"
        form = self.written.get(f"{field}_form", usual)
        return form if self._is_form(field, form) else usual

    def form(self, setting: str, value: str) -> None:
        field = setting.removesuffix("_form")
        if not self._is_form(field, value):
            pattern = ", or a pattern as %Y%m%d%H%M%S" if field in TIMES else ""
            raise ValueError(f"{value!r} is not one of {', '.join(_forms_of(field))}{pattern}")
        if f"{field}_from" not in self.written:
            raise ValueError(f"nothing says where it stands; set {field}_from as well")

    def _is_form(self, field: str, form: str) -> bool:
        if form in _forms_of(field):
            return True
        if field not in TIMES or "%" not in form:
            return False
        try:
            # What a pattern writes it must read: a misspelt one does not.
            sample = datetime(2026, 11, 22, 14, 5, 53, tzinfo=UTC)
            read = datetime.strptime(sample.strftime(form), form)  # noqa: DTZ007  # only whether it can
        except ValueError:
            return False
        return (read.year, read.month, read.day, read.hour) == (2026, 11, 22, 14)

    def word(self, setting: str, value: str) -> None:
        field = next(name for name in WORDS if setting.startswith(f"{name}_"))
        meaning = setting.removeprefix(f"{field}_")
        words = [word.strip().lower() for word in value.split(",")]
        if not all(words):
            raise ValueError("give the words that the sender writes, separated by commas")
        if f"{field}_from" not in self.written:
            raise ValueError(f"nothing says where it stands; set {field}_from as well")
        known = self.words.setdefault(field, {})
        for each in words:
            if known.setdefault(each, meaning) != meaning:
                raise ValueError(f"{each!r} means {known[each]} already")

    def start(self, setting: str, value: str) -> None:
        if value not in START_MEANS:
            raise ValueError(f"{value!r} is not one of {', '.join(START_MEANS)}")
        self.start_means = value


def _forms_of(field: str) -> tuple[str, ...]:
    if field in TIMES:
        return _TIME_FORMS
    return _COUNT_FORMS if field in COUNTS else _TEXT_FORMS


_READERS: dict[str, Callable[[_Draft, str, str], None]] = {
    **{f"{field}_from": _Draft.place for field in FIELDS},
    **{f"{field}_form": _Draft.form for field in (*TEXTS, *NUMBERS, *TIMES, *COUNTS)},
    **{f"{field}_{word}": _Draft.word for field, words in WORDS.items() for word in words},
    "start_means": _Draft.start,
}
SETTINGS = tuple(_READERS)
"""Every setting of the kind, in the order in which the documentation has them."""
