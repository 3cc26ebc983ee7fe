"""Passwords that some senders must send and that prove nothing: then a trunk is asked for by address."""

import pytest

from radiusd.dialects.registry import DIALECTS
from tests.radiusd.dialects.vectors import a_packet


@pytest.mark.parametrize(
    ("dialect", "attributes", "password", "stands_for_none"),
    [
        ("eltex-smg", [("Service-Type", "Call-Check")], b"eltex", True),
        ("eltex-smg", [("Service-Type", "Call-Check")], b"secret", False),
        ("eltex-smg", [("Service-Type", "Login-User")], b"eltex", False),
        ("gnugk", [("User-Name", "voip.198.51.100.20")], b"voip.198.51.100.20", True),
        ("gnugk", [("User-Name", "office")], b"secret", False),
        ("gnugk", [], b"", False),
        ("yate", [("User-Name", "alice")], b"alice", False),
    ],
)
def test_a_fixed_password_stands_for_none(
    dialect: str, attributes: list[tuple[str, str]], password: bytes, stands_for_none: bool
) -> None:
    """
    Only the sender's own, and only where it sends it.
    """
    packet = a_packet(dialect, *attributes, code=1)

    assert stands_for_none is DIALECTS[dialect].asks_for_address(packet, password)
