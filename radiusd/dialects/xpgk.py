"""What MERA's switches and Eltex's gateways have in common: Cisco's attributes, and pairs named xpgk."""

from __future__ import annotations

from radiusd.calls.events import Leg
from radiusd.dialects.gateway import Gateway, Record
from radiusd.dialects.values import number


class Xpgk(Gateway):
    """The way of a sender of ``xpgk-*`` pairs."""

    def translations(self, record: Record) -> tuple[str, str, str, str]:
        """Return the calling number as received and as sent, and the called number likewise."""
        pair = record.said.pair
        return (
            number(pair(b"xpgk-src-number-in")),
            number(pair(b"xpgk-src-number-out")),
            number(pair(b"xpgk-dst-number-in")),
            number(pair(b"xpgk-dst-number-out")),
        )

    def username(self, record: Record, calling: str, called: str) -> str:
        """Return the user; in its place mostly stands one of the numbers, as received or as sent."""
        username = super().username(record, calling, called)
        if record.reading.is_set("username_from"):
            return username
        return "" if username in self.translations(record) else username

    def trunk_in(self, record: Record) -> str:
        """Return the name of the peer on the leg towards the caller."""
        peer = record.said.pair(b"h323-remote-id") if record.is_of_caller else ""
        return peer or super().trunk_in(record)

    def trunk_out(self, record: Record) -> str:
        """Return the name of the peer on the leg towards the callee."""
        peer = record.said.pair(b"h323-remote-id") if record.leg is Leg.ORIGINATE else ""
        return peer or super().trunk_out(record)
