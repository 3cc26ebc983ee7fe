"""Charts as inline SVG, drawn on the server: bars with their numbers beside them, readable without colour."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from markupsafe import Markup

WIDTH, BAR, GAP, NAME, NUMBER = 720, 18, 8, 200, 120
MOST_BARS = 31


class Bar(NamedTuple):
    """One bar: its name, how long it is, and the number that is written beside it."""

    name: str
    value: Decimal
    text: str


def bars(title: str, values: Sequence[Bar]) -> Markup:
    """Return a chart of *values* from left to right, negative ones to the left of the axis."""
    shown = list(values[:MOST_BARS])
    if not shown:
        return Markup("<p>There is nothing to draw.</p>")
    low = min([Decimal(0), *(bar.value for bar in shown)])
    high = max([Decimal(0), *(bar.value for bar in shown)])
    room = WIDTH - NAME - NUMBER
    scale = Decimal(room) / ((high - low) or Decimal(1))
    axis = NAME + float(-low * scale)
    height = len(shown) * (BAR + GAP) + GAP
    parts = [
        Markup(
            '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title>'
        ).format(WIDTH, height, title, title)
    ]
    for index, bar in enumerate(shown):
        top = GAP + index * (BAR + GAP)
        length = float(abs(bar.value) * scale)
        left = axis if bar.value >= 0 else axis - length
        sign = "minus" if bar.value < 0 else "plus"
        parts.append(
            Markup(
                '<text x="{}" y="{}" text-anchor="end">{}</text>'
                '<rect class="{}" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/>'
                '<text x="{:.1f}" y="{}">{}</text>'
            ).format(
                NAME - 8,
                top + BAR - 4,
                _short(bar.name),
                sign,
                left,
                top,
                max(length, 1.0),
                BAR,
                max(axis, left + length) + 6,
                top + BAR - 4,
                bar.text,
            )
        )
    parts.append(Markup('<line x1="{0:.1f}" y1="0" x2="{0:.1f}" y2="{1}"/></svg>').format(axis, height))
    return Markup("").join(parts)


def _short(name: str) -> str:
    return name if len(name) <= 26 else name[:25] + "…"
