"""What one client's settings mean to the dialect that reads its packets."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from functools import partial
from typing import TypeVar
from zoneinfo import ZoneInfo

from radiusd.dialects.changes import read_attributes
from radiusd.dialects.dictionary import Definition
from radiusd.dialects.disconnects import NAMED
from radiusd.dialects.reply_forms import ROUTING, TIMES, read_codes, read_host, read_sip_codes
from radiusd.dialects.sources import Source, read_source
from radiusd.dialects.timestamps import ZoneNames, zone_named
from radiusd.errors import Refusal
from radiusd.radius.reply import ReplyAttribute

_UNITS_MS = {"s": 1000, "ds": 100, "cs": 10, "ms": 1}
_CAUSE_BASES = {"10": 10, "16": 16}
_VALUE_STYLES = {"named": True, "bare": False}
_COA_TIMES = {"left": False, "whole": True}
COA_END = "coa_end"
SOURCES = (
    "calling_from",
    "called_from",
    "username_from",
    "tenant_from",
    "remote_ip_from",
    "trunk_in_from",
    "trunk_out_from",
    "call_id_from",
    "lrn_from",
    "calling_lrn_from",
    "ii_from",
)
ROUTING_NUMBERS = ("lrn_from", "calling_lrn_from", "ii_from")
T = TypeVar("T")
_GROUP = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_LARGEST_VENDOR = (1 << 24) - 1  # the first octet of a Vendor-Id is 0 (RFC 2865, 5.26)


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """
    A client's settings, ready for use.

    Attributes:
        vendor: Whose number stands before the dialect's own attributes; None: the dialect's usual vendor's.
        unit_ms: Milliseconds that one count of Acct-Session-Time stands for.
        cause_base: The base of the digits in which a release cause is written; None: as the dialect does.
        zone: For time stamps that carry no zone.
        force_zone: Replaces the zone that a time stamp carries.
        disconnect_by: What it knows a call by that it is asked to end; empty: as the dialect says.
        coa_whole: It counts the time in a CoA-Request from the call's answer, not from the request.
        coa_end: What a CoA-Request that ends a call holds; empty: a time that is over.
        reply_time: In which forms a call's time is written to it; empty: as the dialect says.
        reply_named: Whether h323 values in replies carry their name; None: as the dialect says.
        reply_vendor: Whose number h323 attributes in replies have; None: as the dialect says.
        return_codes: h323-return-codes that it has for refusals, before those of its table.
        sip_codes: SIP codes that it has for refusals, in place of those of the table.
        routing_to: The host in the form ``Routing`` of a call's time.
        call_group: Clients of one group report legs of the same calls; empty: it reports whole calls.
        zone_names: What the zone names that this client writes mean, before all other meanings.
        sources: Where values stand that this client sends elsewhere than its dialect does, by setting.
        tells_routing: Whether *sources* say where routing numbers stand; follows from them.
    """

    vendor: int | None = None
    unit_ms: int = 1000
    cause_base: int | None = None
    zone: ZoneInfo | None = None
    force_zone: ZoneInfo | None = None
    zone_names: ZoneNames = ()
    call_group: str = ""
    disconnect_by: tuple[str, ...] = ()
    coa_whole: bool = False
    coa_end: tuple[ReplyAttribute, ...] = ()
    reply_time: tuple[str, ...] = ()
    reply_named: bool | None = None
    reply_vendor: int | None = None
    return_codes: Mapping[Refusal, int] = field(default_factory=dict)
    sip_codes: Mapping[Refusal, int] = field(default_factory=dict)
    routing_to: str = ""
    sources: Mapping[str, Source] = field(default_factory=dict)
    tells_routing: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tells_routing", any(name in self.sources for name in ROUTING_NUMBERS))


DEFAULTS = ClientSettings()


def read_settings(
    written: Mapping[str, str], known: Mapping[str, Definition], own_vendor: int = 0
) -> tuple[ClientSettings, list[str]]:
    """
    Return the meaning of *written*, and what is wrong with it, a sentence each.

    What is wrong is left at its default, so that a bad row costs one setting and no record. Names of
    attributes of *own_vendor*, the dialect's, stand for those of the vendor that ``vendor_id`` puts in its
    place.
    """
    good: dict[str, object] = {}
    sources: dict[str, Source] = {}
    problems: list[str] = []
    for setting, value in written.items():
        try:
            if setting in SOURCES:
                sources[setting] = read_source(value, known)
            elif setting == COA_END:
                good[COA_END] = read_attributes(value, known)
            else:
                name, meaning = _read_setting(setting, value)
                good[name] = meaning
        except ValueError as error:
            problems.append(f"setting {setting}: {error}")
    settings = ClientSettings(**good, sources=sources)  # type: ignore[arg-type]  # _read_setting's word
    if settings.vendor and own_vendor:
        moved = {
            setting: replace(place, vendor=settings.vendor)
            for setting, place in sources.items()
            if not place.by_number and place.vendor == own_vendor
        }
        settings = replace(settings, sources={**sources, **moved})
    if ROUTING in settings.reply_time and not settings.routing_to:
        problems.append(f"setting reply_time: {ROUTING} needs routing_to, the host that calls go on to")
    return settings, problems


def _read_setting(setting: str, value: str) -> tuple[str, object]:
    """Return the field of :class:`ClientSettings` that *setting* fills, and with what."""
    if setting not in _READERS:
        raise ValueError(f"there is no such setting; a client may have {', '.join(SETTINGS)}")
    field_name, read = _READERS[setting]
    return field_name, read(value)


def _one_of(value: str, meanings: Mapping[str, T]) -> T:
    if value not in meanings:
        raise ValueError(f"{value!r} is not one of {', '.join(meanings)}")
    return meanings[value]


def _names(value: str, known: Collection[str]) -> tuple[str, ...]:
    """Return the names in a list such as ``Acct-Session-Id User-Name``."""
    names = tuple(value.replace(",", " ").split())
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise ValueError(f"{unknown[0] if unknown else value!r} is not one of {', '.join(known)}")
    return names


def _zone(value: str) -> ZoneInfo:
    try:
        return ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:  # unknown; a path; a folder of zones
        raise ValueError(f"{value!r} is not an IANA time zone, as Europe/Berlin is") from error


def _group(value: str) -> str:
    if not _GROUP.fullmatch(value):
        raise ValueError(f"{value!r} is not a name of letters, digits, '.', '_' and '-', as core-1 is")
    return value


def _vendor(value: str) -> int:
    if not (value.isascii() and value.isdigit() and 0 < int(value) <= _LARGEST_VENDOR):
        raise ValueError(f"{value!r} is not a vendor's number from 1 to {_LARGEST_VENDOR}, as 5003 is")
    return int(value)


def _zone_names(value: str) -> ZoneNames:
    """Return the meaning of ``IST=Asia/Kolkata CST=+0800``: IANA zones, or hours and minutes east of UTC."""
    names: list[tuple[str, tzinfo]] = []
    for written in value.replace(",", " ").split():
        name, sign, meaning = written.partition("=")
        if not sign or not name:
            raise ValueError(f"{written!r} is not NAME=ZONE, as IST=Asia/Kolkata and CST=+0800 are")
        offset = zone_named(meaning) if meaning[:1] in ("+", "-") else None
        names.append((name.upper(), offset or _zone(meaning)))
    if not names:
        raise ValueError("name at least one zone, as IST=Asia/Kolkata")
    return tuple(names)


_READERS: Mapping[str, tuple[str, Callable[[str], object]]] = {
    "duration_unit": ("unit_ms", partial(_one_of, meanings=_UNITS_MS)),
    "cause_base": ("cause_base", partial(_one_of, meanings=_CAUSE_BASES)),
    "timezone": ("zone", _zone),
    "force_timezone": ("force_zone", _zone),
    "zone_names": ("zone_names", _zone_names),
    "vendor_id": ("vendor", _vendor),
    "call_group": ("call_group", _group),
    "disconnect_by": ("disconnect_by", partial(_names, known=NAMED)),
    "coa_time": ("coa_whole", partial(_one_of, meanings=_COA_TIMES)),
    "reply_time": ("reply_time", partial(_names, known=TIMES)),
    "reply_values": ("reply_named", partial(_one_of, meanings=_VALUE_STYLES)),
    "reply_vendor_id": ("reply_vendor", _vendor),
    "return_code_of": ("return_codes", read_codes),
    "sip_code_of": ("sip_codes", read_sip_codes),
    "routing_to": ("routing_to", read_host),
}
"""Which field of :class:`ClientSettings` each setting fills, and what reads it; it raises ValueError."""

SETTINGS = (*_READERS, COA_END, *SOURCES)
