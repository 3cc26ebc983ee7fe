"""
Play many seeds: ``python -m tests.simulation [--first 0] [--seeds 100] [--calls 48] [--hours 2]``.

A month in a minute or two is ``--seeds 1 --calls 3000 --hours 720``. A database of its own is started.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import psycopg2

from radiusd.storage.migrations import migrate
from radiusd.storage.postgres import EmbeddedPostgres
from tests.simulation.world import World

EMPTY = """
    DELETE FROM call; DELETE FROM session; DELETE FROM channel; DELETE FROM bucket; DELETE FROM cdr;
    DELETE FROM posting; DELETE FROM queue; DELETE FROM client_boot;
    DELETE FROM balance WHERE account_id <> 0;
    UPDATE balance SET balance_micros = 0, held_micros = 0, channels = 0
"""


def main() -> int:
    """Play the seeds and return how many failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--calls", type=int, default=48)
    parser.add_argument("--hours", type=float, default=2)
    asked = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="tw-", dir="/tmp"))
    failed = 0
    with EmbeddedPostgres(home) as server:
        migrate(server.dsn)
        for seed in range(asked.first, asked.first + asked.seeds):
            failed += not play(server.dsn, seed, asked.calls, int(asked.hours * 3600))
    shutil.rmtree(home)
    print(f"{asked.seeds} seeds, {failed} failed")
    return failed


def play(dsn: str, seed: int, calls: int, span_s: int) -> bool:
    """Play one seed on an empty database; print what was wrong, and tell whether nothing was."""
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as txn:
        txn.execute(EMPTY)
    began = time.monotonic()
    world = World(dsn, seed, calls, span_s)
    wrong = world.run()
    took_s = time.monotonic() - began
    models = ", ".join(switch.model.name for switch in world.switches)
    print(f"seed {seed}: {world.batches} batches, {took_s:.1f} s, {models}: {len(wrong)} wrong", flush=True)
    for what in wrong[:10]:
        print(f"    {what[:600]}", flush=True)
    return not wrong


if __name__ == "__main__":
    sys.exit(min(main(), 100))
