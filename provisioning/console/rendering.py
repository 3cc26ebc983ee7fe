"""Turn templates into pages: what is not our own markup is escaped; numbers read alike everywhere."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from provisioning.amounts import MICRO_DECIMALS
from radiusd.exports.values import printable

HERE = Path(__file__).parent
STATIC = HERE / "static"
MEDIA = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
NOTHING = "–"
ABBREVIATIONS = ("mac", "cps", "coa", "sip", "did", "ip", "ttl", "pbx")
LABELS = {
    "activated": "Activation date",
    "ended": "Ends on",
    "location": "Location / cost centre",
    "max_channels": "Maximum channels",
    "max_cps": "Calls per second",
    "network": "Address or network",
    "outpayment": "Out-payment rate",
    "outpayment_deck": "Out-payment deck",
    "primary": "Primary DID",
    "setup_fee": "Set-up fee",
    "tenant": "PBX tenant",
    "timezone": "Time zone",
}
"""Labels of fields whose names do not say it as people do."""


@cache
def environment() -> Environment:
    """Return what renders all templates."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,  # for every name, not only for .html
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        moment=_moment,
        seconds=seconds,
        money=money,
        micros=micros,
        words=words,
        shown=shown,
        share=share,
        printable=printable,
    )
    # Jinja2's own leaves slashes, and a network or code with one would be two parts of a path.
    made.filters["urlencode"] = lambda value: quote(str(value), safe="")
    made.globals["static"] = static_path
    return made


def render(template: str, values: Mapping[str, Any]) -> str:
    """Return the page of *template*. Raises jinja2.UndefinedError when it asks for what is not there."""
    return environment().get_template(template).render(values)


def seconds(count: float | None) -> str:
    """Return a length of time as a clock shows it: 61 is 1:01, 3700 is 1:01:40."""
    if count is None:
        return NOTHING
    minutes, rest = divmod(int(count), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def money(amount: Decimal | str | None, currency: str | None = "") -> str:
    """Return an amount with its currency, as exact as it is, with two decimals at least."""
    if amount is None:
        return NOTHING
    text = f"{Decimal(amount):,f}"
    whole, _, decimals = text.partition(".")
    decimals = decimals.rstrip("0").ljust(2, "0")
    return f"{whole}.{decimals} {currency or ''}".rstrip()


def micros(count: int) -> Decimal:
    """Return a count of micro-units as an amount, exactly."""
    return Decimal(count).scaleb(-MICRO_DECIMALS)


def words(name: str) -> str:
    """Return a field's name as a label: ``setup_fee`` is Setup fee, ``lease_s`` is Lease (seconds)."""
    if name in LABELS:
        return LABELS[name]
    text = name.removesuffix("_s").replace("_", " ") + (" (seconds)" if name.endswith("_s") else "")
    for word in ABBREVIATIONS:
        text = re.sub(rf"\b{word}\b", word.upper() if word != "coa" else "CoA", text)
    return text[:1].upper() + text[1:]


def share(part: float, whole: float) -> int:
    """Return a share in whole percent, between 0 and 100."""
    return max(0, min(100, round(100 * part / whole))) if whole else 0


@pass_context
def _moment(context: Context, at: date | str | None, precise: bool = False) -> str | Markup:
    """Return a moment in the visitor's zone, which is told once, in the page's foot."""
    if isinstance(at, str):
        at = datetime.fromisoformat(at)
    if at is None:
        return NOTHING
    if not isinstance(at, datetime):
        return at.isoformat()
    zone: tzinfo = context.get("zone") or UTC
    text = at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S" if precise else "%Y-%m-%d %H:%M")
    return Markup('<time datetime="{}">{}</time>').format(at.astimezone(UTC).isoformat(), text)


@pass_context
def shown(context: Context, value: object) -> str | Markup:
    """Return a field's value as a person reads it."""
    if value is None or value == "" or value == () or value == {}:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return money(value)
    if isinstance(value, date):
        return _moment(context, value)
    if isinstance(value, tuple | list):
        return ", ".join(str(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={item}" for name, item in value.items())
    return str(value)


@lru_cache(maxsize=64)
def static_path(name: str) -> str:
    """Return where a static file is; the path changes with its content, so browsers may keep it for good."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{digest}/{name}"
