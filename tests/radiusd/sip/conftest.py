"""What the SIP tests share."""

import pytest

from tests.sip_desk import Desk


@pytest.fixture
def desk() -> Desk:
    """A server to talk to."""
    return Desk()
