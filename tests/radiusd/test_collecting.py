"""The collector's own errors: what cannot be opened is said in a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock

from radiusd.errors import BadSettings
from radiusd.handlers.record import Collecting
from radiusd.settings import Collector


class Occupied(MemoryReactorClock):
    """A machine on which another process has the port."""

    def listenTCP(self, port: int, *others: Any, interface: str = "", **named: Any) -> Any:
        raise CannotListenError(interface, port, OSError(98, "Address already in use"))


def test_a_port_that_another_process_has_is_named(tmp_path: Path) -> None:
    """
    With the setting's own words and what the system says.
    """
    collectors = [Collector(source="office", listen="127.0.0.1:9000")]
    collecting = Collecting(Occupied(), collectors, tmp_path, lambda source, path: None, None)  # type: ignore[arg-type,return-value]

    with pytest.raises(BadSettings, match=r"127\.0\.0\.1:9000 cannot be had: .*Address already in use"):
        collecting.start()
