"""Our mark on a call: the Class of an Access-Accept, which the switch sends back with each of its records."""

from __future__ import annotations

from radiusd.dialects.standard import CLASS
from radiusd.radius.packet import Packet

_MARK = b"tw1:"
_LONGEST_ID = 64
_ID_CHARACTERS = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-"


def class_of(call_id: str) -> bytes:
    """Return the Class that says *call_id*, our own id of a call."""
    return _MARK + call_id.encode()


def read_call_class(packet: Packet) -> str:
    """
    Return the call id in *packet*'s Class, the empty string when no Class is ours.

    A client may have several Class attributes from several servers (RFC 2865,
    5.25). What stands there is the client's word, not ours: nothing keeps it
    from sending another call's.
    """
    if packet.first(CLASS) is None:
        return ""
    for value in packet.all(CLASS):
        call_id = value[len(_MARK) :]
        if value.startswith(_MARK) and 0 < len(call_id) <= _LONGEST_ID and not call_id.strip(_ID_CHARACTERS):
            return call_id.decode()
    return ""
