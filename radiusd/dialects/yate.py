"""Yate's yradius module: a record for each leg from its creation on, in Cisco's or Quintum's attributes."""

from __future__ import annotations

from radiusd.dialects.gateway import Gateway, Record
from radiusd.dialects.quintum import QUINTUM
from radiusd.dialects.reply_forms import CREDIT_TIME, DURATION, SESSION_TIMEOUT
from radiusd.dialects.standard import USER_NAME
from radiusd.dialects.values import address


class Yate(Gateway):
    """
    The dialect of Yate.

    A Start comes before the answer, and before the caller has proved who it is; an Interim at each change
    tells of the answer. Both forms of attributes may be switched on: then everything is said twice.
    """

    name = "yate"
    vendor = QUINTUM  # beside Cisco's
    reply_times = (SESSION_TIMEOUT, CREDIT_TIME, DURATION)  # of these, its portabill understands the last
    usual_cause_base = 10  # the sample configuration adds Yate's own number as it is

    def call_id(self, record: Record) -> str:
        """Return the id that both legs share: of the conference, else Yate's own."""
        return super().call_id(record) or record.said.pair(b"call-id")

    def ids(self, record: Record) -> tuple[str, ...]:
        """See :meth:`Gateway.ids`."""
        return *super().ids(record), record.said.pair(b"call-id")

    def username(self, record: Record, calling: str, called: str) -> str:
        """Return the user, whose name may be a number; an address is none."""
        reading = record.reading
        username = reading.text("username_from", reading.attribute(USER_NAME))
        return "" if address(username) and not reading.is_set("username_from") else username
