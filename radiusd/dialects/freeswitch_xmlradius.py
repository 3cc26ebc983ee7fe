"""FreeSWITCH with mod_xml_radius, as its sample configuration has it: Cisco's attributes with bare values."""

from __future__ import annotations

from radiusd.dialects.gateway import Gateway, Record
from radiusd.dialects.standard import USER_NAME
from radiusd.dialects.values import number


class FreeSwitchXmlRadius(Gateway):
    """
    The dialect of mod_xml_radius.

    Every attribute is free configuration, so what the sample does not send is for the client's settings to
    say. Causes are FreeSWITCH's own: Q.850 up to 127, and beyond it others, as 487 for a caller who gave up.
    """

    name = "freeswitch-xmlradius"
    named_values = False  # they become variables of the channel

    def leg_id(self, record: Record, call_id: str) -> str:
        """Return the channel's own uuid."""
        return record.said.pair(b"h323-call-id") or super().leg_id(record, call_id)

    def translations(self, record: Record) -> tuple[str, str, str, str]:
        """Return the calling number as received and as sent, and the called number likewise."""
        said = record.said
        return (
            number(said.pair(b"src-number-in")),
            number(said.pair(b"src-number-out")),
            number(said.pair(b"dst-number-in")),
            number(said.pair(b"dst-number-out")),
        )

    def username(self, record: Record, calling: str, called: str) -> str:
        """Return the user."""
        return record.reading.text("username_from", record.reading.attribute(USER_NAME))

    def caller_address(self, record: Record) -> bytes | str | None:
        """Return the gateway that the call came from; both legs name it."""
        return record.said.pair(b"src-gw-ip") or super().caller_address(record)

    def callee_address(self, record: Record) -> bytes | str | None:
        """Return the gateway that the call went to."""
        return record.said.pair(b"dst-gw-ip") or super().callee_address(record)

    def trunk_in(self, record: Record) -> str:
        """Return the name of the gateway that the call came from."""
        return record.said.pair(b"src-gw-name") or super().trunk_in(record)

    def trunk_out(self, record: Record) -> str:
        """Return the name of the gateway that the call went to."""
        return record.said.pair(b"dst-gw-name") or super().trunk_out(record)
