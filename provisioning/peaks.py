"""How many calls each trunk carried at once at most."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor

from provisioning.roles import Actor, reached_accounts
from radiusd.storage.traffic_parts import read_state
from radiusd.storage.trunk_peaks import read_peaks

MOST_TRUNKS = 50


class Peak(NamedTuple):
    """
    The most *channels* that a trunk or address service of an account had in use at once, first *at* a moment.

    *most* None: it has no limit. *client* and *tech_prefix* tell it from others of its name.
    """

    kind: str
    service: str
    account: str
    channels: int
    most: int | None
    at: datetime
    client: str | None = None
    tech_prefix: str = ""


def peaks(txn: Cursor, actor: Actor, since: datetime, until: datetime, most: int = MOST_TRUNKS) -> list[Peak]:
    """
    Return the peaks of trunks by calls that have ended, the highest first; those that *actor* reaches.

    What is corrected in an hour that was counted shows a minute later.

    Raises:
        Forbidden: The actor may not read calls.
    """
    actor.require("calls:read")
    counted_until = read_state(txn).added_until
    rows = read_peaks(txn, since, until, counted_until, reached_accounts(txn, actor), most)
    return [Peak(*row) for row in rows]
