"""How many calls each trunk carried at once at most."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor

from provisioning.roles import Actor, reached_accounts

BEFORE = timedelta(days=1)  # calls that began earlier than that before the time asked for are not looked at
MOST_TRUNKS = 50

# A call is one more at its beginning and one less at its end; the highest running sum is the peak. Where one
# call ends in the very instant in which another begins, they were not up at once: -1 goes first.
_PEAKS = """
WITH carried AS (
    SELECT DISTINCT call_id, channel_service_id AS trunk_id, started_at, ended_at FROM cdr
    WHERE channel_service_id IS NOT NULL AND status IN ('answered', 'failed') AND ended_at > started_at
      AND started_at >= %(since)s - %(before)s AND started_at < %(until)s AND ended_at > %(since)s
      AND (%(reached)s::bigint[] IS NULL OR account_id = ANY (%(reached)s::bigint[]))
), steps AS (
    SELECT trunk_id, greatest(started_at, %(since)s) AS at, 1 AS step FROM carried
    UNION ALL SELECT trunk_id, ended_at, -1 FROM carried
), sums AS (
    SELECT trunk_id, at, sum(step) OVER (PARTITION BY trunk_id ORDER BY at, step) AS channels FROM steps
), peaks AS (
    SELECT DISTINCT ON (trunk_id) trunk_id, channels, at FROM sums ORDER BY trunk_id, channels DESC, at
)
SELECT s.kind, s.name, a.code, channels, s.max_channels, at
FROM peaks JOIN service s ON s.id = trunk_id JOIN account a ON a.id = s.account_id
ORDER BY channels DESC, s.name LIMIT %(most)s
"""


class Peak(NamedTuple):
    """
    The most *channels* that a trunk or address service of an account had in use at once, first *at* a moment.

    *most* None: it has no limit.
    """

    kind: str
    service: str
    account: str
    channels: int
    most: int | None
    at: datetime


def peaks(txn: Cursor, actor: Actor, since: datetime, until: datetime, most: int = MOST_TRUNKS) -> list[Peak]:
    """
    Return the peaks of trunks by calls that have ended, the highest first; those that *actor* reaches.

    Raises:
        Forbidden: The actor may not read calls.
    """
    actor.require("calls:read")
    values = {"since": since, "until": until, "before": BEFORE, "most": most}
    txn.execute(_PEAKS, {**values, "reached": reached_accounts(txn, actor)})
    return [Peak(*row) for row in txn.fetchall()]
