"""
Where the time of an accounting event goes, in one process: reading it, deciding, and the database.

``python -m bench.journal`` prints, for several sizes of a batch, CPU microseconds an event of each stage and
what its round trips to PostgreSQL took, with matching, holds, rating and books all on. ``--profile`` adds
where Python's time went.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import pstats
import random
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psycopg2

from bench.tollwire import Tollwire
from bench.workloads import Site, accounting, make_calls, sign
from radiusd.dialects.registry import DIALECTS
from radiusd.radius.clients import Client
from radiusd.radius.packet import read_packet
from radiusd.storage.catalogue import load_catalogue
from radiusd.storage.database import BlockingConnection, Rows, finish
from radiusd.storage.journal import Journal, Report
from radiusd.storage.ledger import STATEMENTS
from radiusd.storage.postgres import EmbeddedPostgres
from radiusd.storage.secrets import Sealer, read_key

CALLS = 2_000
PREFIXES = 2_000


class TimedConnection(BlockingConnection):
    """Counts what statements take: *wall_s*, and *cpu_s* of this process for sending them."""

    wall_s = 0.0
    cpu_s = 0.0

    async def run(self, sql: str, args: Sequence[object] = ()) -> Rows:
        """Run *sql*, timed."""
        began_s, cpu_s = time.perf_counter(), time.process_time()
        try:
            return await super().run(sql, args)
        finally:
            self.wall_s += time.perf_counter() - began_s
            self.cpu_s += time.process_time() - cpu_s


def main() -> None:
    """Measure, and print a line for each batch size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", action="store_true", help="print where Python's time goes")
    parser.add_argument("--batches", default="1,16,64,256", help="sizes of a batch")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tw-journal-") as folder:
        home = Path(folder)
        with EmbeddedPostgres(home / "pg") as server:
            site = Site(prefixes=PREFIXES)
            peer = Tollwire(home, server.dsn, site, 1)
            peer.start()
            peer.stop()
            with closing(psycopg2.connect(server.dsn)) as connection:
                catalogue = load_catalogue(connection, Sealer(read_key(home / "secret.key")))
            client = catalogue.clients.lookup("127.0.0.1")
            assert client is not None, "the site file has it"
            gc.freeze()
            gc.set_threshold(100_000, 20, 100)  # as the server does
            print(f"{'batch':>6} {'read us':>8} {'decide us':>10} {'send us':>8} {'database us (wall)':>19}")
            for size in map(int, chosen.batches.split(",")):
                clients = {client.id: client}
                journal = Journal(lambda: catalogue.directory, clients.get, random.Random(size))
                txn = TimedConnection(server.dsn, STATEMENTS)
                measure(size, site, client, journal, txn, profiled=chosen.profile)
                txn.close()


def measure(
    size: int, site: Site, client: Client, journal: Journal, txn: TimedConnection, *, profiled: bool
) -> None:
    """Settle events in batches of *size* and print a line."""
    now = datetime.now(UTC)
    calls = make_calls(site, f"j{size}x", CALLS if size > 4 else CALLS // 4, now.timestamp())
    datagrams = [sign(packet, 1, site.secret) for packet in accounting(calls, spread=300)]
    profile = cProfile.Profile()
    read_s = settle_s = 0.0
    for at in range(0, len(datagrams), size):
        began_s = time.process_time()
        if profiled:
            profile.enable()
        batch = [
            _report(datagram, client, number) for number, datagram in enumerate(datagrams[at : at + size])
        ]
        read_s += time.process_time() - began_s
        began_s = time.process_time()
        finish(journal.settle(txn, batch, datetime.now(UTC)))
        settle_s += time.process_time() - began_s
        profile.disable()
    micros = 1e6 / len(datagrams)
    print(
        f"{size:>6} {read_s * micros:>8.0f} {(settle_s - txn.cpu_s) * micros:>10.0f}"
        f" {txn.cpu_s * micros:>8.0f} {txn.wall_s * micros:>19.0f}"
    )
    if profiled:
        pstats.Stats(profile).sort_stats("tottime").print_stats(45)


def _report(datagram: bytes, client: Client, number: int) -> Report:
    source = f"127.0.0.1:5/{number}"
    return Report(
        DIALECTS[client.dialect].read_event(read_packet(datagram), client, datetime.now(UTC), source)
    )


if __name__ == "__main__":
    main()
