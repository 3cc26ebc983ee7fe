"""Each dialect reads its packets as the vectors in tests/vectors/NAME.txt say."""

from typing import Any

import pytest

from radiusd.dialects.registry import DIALECTS
from radiusd.errors import UnreadableEvent
from tests.radiusd.dialects.vectors import Vector, read_vectors

VECTORS = [vector for dialect in DIALECTS for vector in read_vectors(dialect)]


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_reads_a_packet_as_its_vector_says(vector: Vector, record_property: Any) -> None:
    """
    A vector's packet becomes its event, or is refused for its reason.
    """
    record_property("dialect", vector.dialect)
    record_property("sample", "vectors")
    dialect = DIALECTS[vector.dialect]
    read = dialect.read_attempt if vector.is_attempt else dialect.read_event
    assert [] == dialect.check_settings(vector.client.settings)

    if vector.refusal:
        with pytest.raises(UnreadableEvent, match=vector.refusal):
            read(vector.packet, vector.client, vector.received_at, "test")
        return
    event = read(vector.packet, vector.client, vector.received_at, "test")

    assert vector.client.id == event.client_id
    assert vector.dialect == event.dialect
    assert [] == vector.differences(event)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_has_vectors(dialect: str) -> None:
    """
    A dialect shows events of several kinds, and packets that it refuses.
    """
    vectors = read_vectors(dialect)
    kinds = {
        value for vector in vectors for _, name, value in vector.blocks.get("event", ()) if name == "kind"
    }

    assert {"authorize", "start", "interim", "stop"} <= kinds
    assert any(vector.refusal for vector in vectors)
