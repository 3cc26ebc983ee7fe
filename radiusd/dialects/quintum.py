"""Quintum and Sonus Tenor gateways: Cisco's attributes under Quintum's own number, and its trunk ids."""

from __future__ import annotations

from radiusd.dialects.gateway import Gateway, Record
from radiusd.radius.clients import Client

QUINTUM = 6618
TRUNK_IN = 230
TRUNK_OUT = 231


class Quintum(Gateway):
    """The dialect of Tenors, whose vendor format may be set to Cisco's instead of their own."""

    name = "quintum"
    vendor = QUINTUM

    def trunk_in(self, record: Record) -> str:
        """Return the trunk that the call came from; every leg names both."""
        return record.said.own(TRUNK_IN, "trunkid-in") or super().trunk_in(record)

    def trunk_out(self, record: Record) -> str:
        """Return the trunk that the call leaves over."""
        return record.said.own(TRUNK_OUT, "trunkid-out") or super().trunk_out(record)

    def vendor_of_replies(self, client: Client) -> int:
        """See :meth:`Dialect.vendor_of_replies`."""
        return self.vendor_of(self.settings_of(client))
