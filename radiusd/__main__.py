"""Run a part of the server in a process of its own; the only place that takes the global reactor."""

from __future__ import annotations

import sys
from pathlib import Path

from twisted.internet import reactor

from radiusd.app import run_server, run_worker
from radiusd.settings import Settings, read_settings


def serve(settings: Settings, config: Path) -> None:
    """Run the server until it is told to end."""
    run_server(reactor, settings, config)


def main(arguments: list[str]) -> None:
    """Run a front worker: ``python -m radiusd CONFIG DESCRIPTOR,...`` (started by the server only)."""
    config, descriptors = arguments
    run_worker(reactor, read_settings(Path(config)), [int(number) for number in descriptors.split(",")])


if __name__ == "__main__":
    main(sys.argv[1:])
