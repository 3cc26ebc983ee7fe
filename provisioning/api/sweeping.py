"""What the console's process does every minute: what lapses by itself, lapses in the tables too."""

from __future__ import annotations

from collections.abc import Callable

from psycopg2.extensions import cursor as Cursor

from provisioning.admin import Admin
from provisioning.api.repeats import sweep_replies
from provisioning.logins import sweep_logins
from provisioning.number_sweep import sweep_numbers
from radiusd.storage.traffic_sums import add_up

Sweep = Callable[[Cursor, Admin], object]

SWEEPS: tuple[Sweep, ...] = (
    lambda txn, admin: sweep_logins(txn, admin.now),
    lambda txn, admin: sweep_replies(txn, admin.now),
    sweep_numbers,
    lambda txn, admin: add_up(txn),
)
"""Each in a transaction of its own: what keeps one from its work keeps no other."""
