"""TelcoBridges Tmedia and ProSBC: a record for each leg; a trunk is a NAP, and stands where users do."""

from __future__ import annotations

from radiusd.calls.events import Leg, Measure, Side
from radiusd.dialects import h323
from radiusd.dialects.gateway import Gateway, Record
from radiusd.dialects.h323 import H323
from radiusd.dialects.reading import Reading
from radiusd.dialects.standard import USER_NAME
from radiusd.dialects.values import text

TELCOBRIDGES = 21776
MOS_INGRESS = 38
MOS_EGRESS = 39
REMOTE_SIP_IP = 40

_BEST_MOS = 5.0


class TelcoBridges(Gateway):
    """The dialect of Tmedia: Cisco's attributes, and beside them its own."""

    name = "telcobridges"
    vendor = TELCOBRIDGES

    def open_record(self, reading: Reading) -> Record:
        """See :meth:`Gateway.open_record`; its own numbers mean other things than Cisco's."""
        said = H323(reading.packet)
        session_id = self.session_id(reading, said)
        return Record(reading, said, session_id, self.leg(said), h323.read_times(said, reading))

    def username(self, record: Record, calling: str, called: str) -> str:
        """Return what the client's settings name: User-Name is the trunk that the call came from."""
        return record.reading.text("username_from")

    def caller_address(self, record: Record) -> bytes | str | None:
        """Return the far end of the leg towards the caller."""
        return _far_end(record) if record.is_of_caller else None

    def callee_address(self, record: Record) -> bytes | str | None:
        """Return the far end of the leg towards the callee."""
        return _far_end(record) if record.leg is Leg.ORIGINATE else None

    def trunk_in(self, record: Record) -> str:
        """Return the NAP that the call came from, which every leg tells."""
        nap = record.reading.attribute(USER_NAME)
        return nap or (record.said.text(h323.NAS_PORT) if record.is_of_caller else "")

    def trunk_out(self, record: Record) -> str:
        """Return the NAP of the leg towards the callee."""
        return record.said.text(h323.NAS_PORT) if record.leg is Leg.ORIGINATE else ""

    def quality(self, record: Record) -> tuple[Measure, ...]:
        """Return the MOS of both directions."""
        sides = ((Side.CALLER, MOS_INGRESS), (Side.CALLEE, MOS_EGRESS))
        return tuple(
            Measure(side, "mos", mos) for side, type in sides if (mos := _mos(record, type)) is not None
        )


def _far_end(record: Record) -> bytes | str | None:
    value = record.reading.packet.vendor_first(_vendor(record), REMOTE_SIP_IP)
    return value if value and any(value) else record.said.text(h323.REMOTE_ADDRESS)


def _mos(record: Record, type: int) -> float | None:
    """Return a mean opinion score from 1 to 5, None when nothing was measured."""
    try:
        mos = float(text(record.reading.packet.vendor_first(_vendor(record), type)))
    except ValueError:
        return None
    return mos if 0 < mos <= _BEST_MOS else None


def _vendor(record: Record) -> int:
    return record.reading.settings.vendor or TELCOBRIDGES
