"""MERA's MVTS, MVTS-II and MVTS Pro: a record for each leg and each route tried, from the answer on."""

from __future__ import annotations

from radiusd.calls.events import Kind, Leg
from radiusd.dialects import h323
from radiusd.dialects.gateway import Record
from radiusd.dialects.reading import Reading
from radiusd.dialects.standard import FRAMED_IP_ADDRESS
from radiusd.dialects.values import conference_id
from radiusd.dialects.xpgk import Xpgk

_LEGS = {"A": Leg.ANSWER, "O": Leg.ORIGINATE}
_NO_ADDRESS = bytes(4)


class Mvts(Xpgk):
    """
    The dialect of MVTS.

    Its session id is the id of the call's record and which leg and try it is about: ``...-AV1``, ``...-OV1``.
    """

    name = "mvts"

    def open_record(self, reading: Reading) -> Record:
        """See :meth:`Gateway.open_record`; without h323-call-origin the session id tells the leg."""
        record = super().open_record(reading)
        if record.leg is None and record.kind is not Kind.AUTHORIZE:
            record.leg = _LEGS.get(_split(record.session_id)[1][:1])
        return record

    def call_id(self, record: Record) -> str:
        """Return the id of the call's record, which all legs and tries share."""
        reading = record.reading
        if reading.is_set("call_id_from"):
            return conference_id(reading.text("call_id_from"))
        said = record.said
        return said.pair(b"xpgk-record-id") or super().call_id(record) or _split(record.session_id)[0]

    def ids(self, record: Record) -> tuple[str, ...]:
        """See :meth:`Gateway.ids`; a question may know no record id yet."""
        return *super().ids(record), conference_id(record.said.text(h323.INCOMING_CONF_ID))

    def caller_address(self, record: Record) -> bytes | str | None:
        """Return where the call came from: what says so on any leg, else the far end of the caller's leg."""
        origin = record.said.pair(b"xpgk-origination-gateway-ip")
        if origin or not record.is_of_caller:
            return origin
        return _framed(record) or super().caller_address(record)

    def callee_address(self, record: Record) -> bytes | str | None:
        """Return where the call went."""
        termination = record.said.pair(b"xpgk-termination-gateway-ip")
        if termination or record.leg is not Leg.ORIGINATE:
            return termination
        return super().callee_address(record) or _framed(record)


def _framed(record: Record) -> bytes | None:
    value = record.reading.packet.first(FRAMED_IP_ADDRESS)
    return None if value == _NO_ADDRESS else value


def _split(session_id: str) -> tuple[str, str]:
    """Return the call's part of a session id, and the leg's when it has the form of one."""
    call, dash, leg = session_id.rpartition("-")
    is_leg = bool(dash) and leg[:1] in _LEGS and leg.rstrip("0123456789") != leg
    return (call, leg) if is_leg else (session_id, "")
