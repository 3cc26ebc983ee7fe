"""NexTone and Genband MSx, the iServer: Cisco's records, and the whole of one in Acct-Session-Id."""

from __future__ import annotations

from radiusd.dialects import h323
from radiusd.dialects.gateway import Gateway, Record
from radiusd.dialects.h323 import H323
from radiusd.dialects.reading import Reading
from radiusd.dialects.values import number

# What stands in an overloaded Acct-Session-Id behind the session id, between slashes.
_PACKED = (
    h323.SETUP_TIME,
    h323.GATEWAY_ID,
    h323.INCOMING_CONF_ID,
    h323.CALL_ORIGIN,
    h323.CALL_TYPE,
    h323.CONNECT_TIME,
    h323.DISCONNECT_TIME,
    h323.DISCONNECT_CAUSE,
    h323.REMOTE_ADDRESS,
    h323.CONF_ID,
)


class Nextone(Gateway):
    """
    The dialect of the iServer.

    What it could not deliver it sends again later, as a new packet that is no second late by its own word:
    the leg and what is told of it say that it is the same.
    """

    name = "nextone"

    def translations(self, record: Record) -> tuple[str, str, str, str]:
        """Return the numbers as received and as sent, which what its gatekeeper alone translated is, too."""
        calling_in, calling_out, called_in, called_out = super().translations(record)
        return calling_in, calling_out, called_in, called_out or number(record.said.pair(b"gk-xlated-cdn"))

    def session_id(self, reading: Reading, said: H323) -> str:
        """Return the id of the leg; what else is packed into Acct-Session-Id is added to *said*."""
        session_id = super().session_id(reading, said)
        if session_id.count("/") < len(_PACKED) - 1:
            return session_id
        session_id, *packed = session_id.split("/")
        for type, value in zip(_PACKED, packed, strict=False):
            said.add(type, value)
        return session_id
