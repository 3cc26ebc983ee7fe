"""Name an answer and its attributes, for people to read."""

from __future__ import annotations

from pyrad.dictionary import Dictionary

from provisioning.captures.attributes import named, numbered
from radiusd.radius.assigned import Code
from radiusd.radius.packet import Packet


def answer_name(packet: Packet) -> str:
    """Return the name of the packet's code: ``Access-Accept``."""
    return Code(packet.code).name.replace("_", "-").title()


def named_attributes(names: Dictionary, packet: Packet) -> dict[str, object]:
    """Return the attributes of *packet* by their names, values as text; several of one name as a list."""
    found: dict[str, list[str]] = {}
    for key, value in numbered(packet):
        name, shown, _ = named(names, key, value)
        found.setdefault(name, []).append(shown)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}
