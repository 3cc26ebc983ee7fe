"""One packet that somebody handed in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Sent:
    """
    A datagram, and what is known of its way; *where* is its place in the file, for people.

    *doubts* are sentences on what could not be taken over. *is_signed* is False for what was written down as
    attributes, and signed by us.
    """

    where: str
    datagram: bytes = field(repr=False)
    at: datetime | None = None
    source: tuple[str, int] | None = None
    destination: tuple[str, int] | None = None
    doubts: tuple[str, ...] = ()
    is_signed: bool = True
