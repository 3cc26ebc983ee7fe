"""A text as a QR code: inline SVG, for the camera of a telephone."""

from __future__ import annotations

import segno
from markupsafe import Markup

QUIET = 4  # modules of paper around it, ISO/IEC 18004, 6.3.8


def qr(text: str, title: str) -> Markup:
    """Return *text* as a QR code (level M), black on white however dark the page is."""
    rows = segno.make_qr(text, error="m").matrix
    size = len(rows) + 2 * QUIET
    dark = "".join(
        f"M{x + QUIET} {y + QUIET}h1v1h-1z" for y, row in enumerate(rows) for x, bit in enumerate(row) if bit
    )
    return Markup(
        '<svg class="qr" viewBox="0 0 {0} {0}" role="img" aria-label="{1}" shape-rendering="crispEdges">'
        '<title>{1}</title><path fill="#fff" d="M0 0h{0}v{0}H0z"/><path fill="#000" d="{2}"/></svg>'
    ).format(size, title, dark)
