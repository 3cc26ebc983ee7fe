"""Yate's yradius module: a record for each leg from its creation on, in Cisco's or Quintum's attributes."""

from __future__ import annotations

from radiusd.dialects.gateway import Gateway, Record
from radiusd.dialects.h323 import AVPAIR, CISCO
from radiusd.dialects.quintum import QUINTUM
from radiusd.dialects.standard import USER_NAME
from radiusd.dialects.values import address
from radiusd.radius.clients import Client
from radiusd.radius.reply import ReplyAttribute, vendor_text


class Yate(Gateway):
    """
    The dialect of Yate.

    A Start comes before the answer, and before the caller has proved who it is; an Interim at each change
    tells of the answer. Both forms of attributes may be switched on: then everything is said twice.
    """

    name = "yate"
    vendor = QUINTUM  # beside Cisco's
    usual_cause_base = 10  # the sample configuration adds Yate's own number as it is

    def call_id(self, record: Record) -> str:
        """Return the id that both legs share: of the conference, else Yate's own."""
        return super().call_id(record) or record.said.pair(b"call-id")

    def username(self, record: Record, calling: str, called: str) -> str:
        """Return the user, whose name may be a number; an address is none."""
        reading = record.reading
        username = reading.text("username_from", reading.attribute(USER_NAME))
        return "" if address(username) and not reading.is_set("username_from") else username

    def accept_attributes(
        self, session_timeout_s: int | None, call_class: bytes, client: Client
    ) -> list[ReplyAttribute]:
        """See :meth:`Dialect.accept_attributes`; of the time, Yate's portabill understands its own form."""
        attributes = super().accept_attributes(session_timeout_s, call_class, client)
        if session_timeout_s is not None:
            attributes.append(vendor_text(CISCO, AVPAIR, f"h323-ivr-in=DURATION:{session_timeout_s}"))
        return attributes
