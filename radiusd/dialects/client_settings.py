"""What one client's settings mean to the dialect that reads its packets."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from zoneinfo import ZoneInfo

from radiusd.dialects.dictionary import Definition
from radiusd.dialects.disconnects import NAMED
from radiusd.dialects.sources import Source, read_source
from radiusd.dialects.timestamps import ZoneNames, zone_named

_UNITS_MS = {"s": 1000, "ds": 100, "cs": 10, "ms": 1}
_CAUSE_BASES = {"10": 10, "16": 16}
SOURCES = (
    "calling_from",
    "called_from",
    "username_from",
    "tenant_from",
    "remote_ip_from",
    "trunk_in_from",
    "trunk_out_from",
    "call_id_from",
)
SETTINGS = ("duration_unit", "cause_base", "timezone", "force_timezone", "zone_names", "vendor_id", "disconnect_by", *SOURCES)
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
        zone_names: What the zone names that this client writes mean, before all other meanings.
        sources: Where values stand that this client sends elsewhere than its dialect does, by setting.
    """

    vendor: int | None = None
    unit_ms: int = 1000
    cause_base: int | None = None
    zone: ZoneInfo | None = None
    force_zone: ZoneInfo | None = None
    zone_names: ZoneNames = ()
    disconnect_by: tuple[str, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=dict)


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
            if place.is_named and place.vendor == own_vendor
        }
        settings = replace(settings, sources={**sources, **moved})
    return settings, problems


def _read_setting(setting: str, value: str) -> tuple[str, object]:
    """Return the field of :class:`ClientSettings` that *setting* fills, and with what."""
    if setting == "vendor_id":
        return "vendor", _vendor(value)
    if setting == "duration_unit":
        return "unit_ms", _one_of(value, _UNITS_MS)
    if setting == "cause_base":
        return "cause_base", _one_of(value, _CAUSE_BASES)
    if setting == "timezone":
        return "zone", _zone(value)
    if setting == "force_timezone":
        return "force_zone", _zone(value)
    if setting == "zone_names":
        return "zone_names", _zone_names(value)
    if setting == "disconnect_by":
        return "disconnect_by", _names(value, NAMED)
    raise ValueError(f"there is no such setting; a client may have {', '.join(SETTINGS)}")


def _one_of(value: str, meanings: Mapping[str, int]) -> int:
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
