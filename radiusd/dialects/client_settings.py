"""What one client's settings mean to the dialect that reads its packets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from radiusd.dialects.dictionary import Definition
from radiusd.dialects.sources import Source, read_source

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
SETTINGS = ("duration_unit", "cause_base", "timezone", "force_timezone", *SOURCES)


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """
    A client's settings, ready for use.

    Attributes:
        unit_ms: Milliseconds that one count of Acct-Session-Time stands for.
        cause_base: The base of the digits in which a release cause is written.
        zone: For time stamps that carry no zone.
        force_zone: Replaces the zone that a time stamp carries.
        sources: Where values stand that this client sends elsewhere than its dialect does, by setting.
    """

    unit_ms: int = 1000
    cause_base: int = 16
    zone: ZoneInfo | None = None
    force_zone: ZoneInfo | None = None
    sources: Mapping[str, Source] = field(default_factory=dict)


DEFAULTS = ClientSettings()


def read_settings(
    written: Mapping[str, str], known: Mapping[str, Definition]
) -> tuple[ClientSettings, list[str]]:
    """
    Return the meaning of *written*, and what is wrong with it, a sentence each.

    What is wrong is left at its default, so that a bad row costs one setting and no record.
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
    return ClientSettings(**good, sources=sources), problems  # type: ignore[arg-type]  # _read_setting's word


def _read_setting(setting: str, value: str) -> tuple[str, object]:
    """Return the field of :class:`ClientSettings` that *setting* fills, and with what."""
    if setting == "duration_unit":
        return "unit_ms", _one_of(value, _UNITS_MS)
    if setting == "cause_base":
        return "cause_base", _one_of(value, _CAUSE_BASES)
    if setting == "timezone":
        return "zone", _zone(value)
    if setting == "force_timezone":
        return "force_zone", _zone(value)
    raise ValueError(f"there is no such setting; a client may have {', '.join(SETTINGS)}")


def _one_of(value: str, meanings: Mapping[str, int]) -> int:
    if value not in meanings:
        raise ValueError(f"{value!r} is not one of {', '.join(meanings)}")
    return meanings[value]


def _zone(value: str) -> ZoneInfo:
    try:
        return ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:  # unknown; a path; a folder of zones
        raise ValueError(f"{value!r} is not an IANA time zone, as Europe/Berlin is") from error
