"""Calls whose switch is to be told another time: which accounts' credit has changed, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from psycopg2.extensions import cursor

from radiusd.calls.directory import Account
from radiusd.storage.database import Connection
from radiusd.storage.open_calls import OpenCall
from radiusd.storage.switch_queue import Queue, asked_lines

MOST_ACCOUNTS = 100
"""Accounts whose calls are gone through in one go; the next ones follow a few seconds later."""


class News(NamedTuple):
    """An account whose credit has changed since its calls' times were reckoned, and these calls."""

    account_id: int
    free_micros: int | None
    limits: str
    calls: tuple[OpenCall, ...]


async def credit_news(txn: Connection, accounts: Mapping[int, Account]) -> list[News]:
    """
    Return the accounts whose calls may last for another time than their switches were told.

    These are those that have more to spend than when they were looked at, less than nothing, or other limits;
    and that have calls on clients which take a new time for a call that is up, and have not refused to.
    What an account has less, its other calls hold: that shortens none.

    *accounts*, by number, are those that calls are reckoned by. One whose limits there are not yet the
    database's is left for the next time.
    """
    rows = await txn.run(
        """
        WITH told AS (
            SELECT s.account_id, s.call_id, s.client_id, s.call_key, s.seq, s.setup_at,
                min(s.account_id) OVER (PARTITION BY s.call_id) AS speaker
            FROM session s JOIN client c ON c.id = s.client_id
            WHERE c.tell_time <> 'none' AND c.grant_mode = 'whole' AND s.state = 'started'
                AND s.connect_at IS NOT NULL AND s.granted_s IS NOT NULL
        ), open AS (
            SELECT told.account_id, client_id, call_key, seq, min(setup_at) AS begun_at
            FROM told LEFT JOIN LATERAL (
                SELECT t.phase, t.outcome FROM time_change t
                WHERE t.account_id = told.speaker AND t.call_id = told.call_id
            ) said ON true
            WHERE said.phase IS NULL OR said.phase = 'ask' OR said.outcome = 'ack'
            GROUP BY 1, 2, 3, 4
        ), now AS (
            SELECT a.id, b.balance_micros + a.credit_limit_micros - b.held_micros AS free_micros,
                concat_ws('/', coalesce(a.credit_limit_micros, -1), coalesce(a.daily_limit_micros, -1),
                    coalesce(a.monthly_limit_micros, -1), coalesce(p.max_call_micros, -1)) AS limits
            FROM account a JOIN balance b ON b.account_id = a.id LEFT JOIN policy p ON p.id = a.policy_id
            WHERE a.id IN (SELECT account_id FROM open)
        ), news AS (
            SELECT now.* FROM now LEFT JOIN credit_seen seen ON seen.account_id = now.id
            WHERE seen.account_id IS NULL OR seen.limits <> now.limits
                OR seen.free_micros IS DISTINCT FROM now.free_micros
                AND (now.free_micros > seen.free_micros OR now.free_micros < 0)
            ORDER BY seen.seen_at NULLS FIRST LIMIT %s
        )
        SELECT n.id, n.free_micros, n.limits, t.client_id, t.call_key::text, t.seq, t.begun_at
        FROM news n JOIN open t ON t.account_id = n.id ORDER BY n.id, t.begun_at, t.call_key
        """,
        (MOST_ACCOUNTS,),
    )
    found: dict[int, News] = {}
    for account_id, free_micros, limits, *call in rows:
        account = accounts.get(account_id)
        if account is None or _limits_of(account) != limits:
            continue
        news = found.get(account_id) or News(account_id, free_micros, limits, ())
        found[account_id] = news._replace(calls=(*news.calls, OpenCall(*call)))
    return list(found.values())


def _limits_of(account: Account) -> str:
    """Return an account's limits as :class:`News` tells those in the database."""
    policy = account.policy
    found = (
        account.credit_limit_micros,
        account.daily_limit_micros,
        account.monthly_limit_micros,
        policy.max_call_micros if policy else None,
    )
    return "/".join(str(-1 if limit is None else limit) for limit in found)


async def note_seen(txn: Connection, news: News, now: datetime) -> None:
    """Write down that the calls of the account were gone through, and what it has left."""
    await txn.run(
        """
        INSERT INTO credit_seen (account_id, free_micros, limits, seen_at)
        SELECT b.account_id, least(%s, b.balance_micros + a.credit_limit_micros - b.held_micros), %s, %s
        FROM balance b JOIN account a ON a.id = b.account_id WHERE b.account_id = %s
        ON CONFLICT (account_id) DO UPDATE SET free_micros = EXCLUDED.free_micros, limits = EXCLUDED.limits,
            seen_at = EXCLUDED.seen_at
        """,
        (news.free_micros, news.limits, now, news.account_id),
    )


async def note_spent(txn: Connection) -> None:
    """
    Write down what accounts have less than when they were looked at, so that more is noticed.

    Less than nothing is not for here: that shortens calls.
    """
    await txn.run(
        """
        UPDATE credit_seen seen SET free_micros = b.balance_micros + a.credit_limit_micros - b.held_micros
        FROM balance b JOIN account a ON a.id = b.account_id
        WHERE b.account_id = seen.account_id
            AND b.balance_micros + a.credit_limit_micros - b.held_micros BETWEEN 0 AND seen.free_micros - 1
        """
    )


class TimeLine(NamedTuple):
    """One call whose switch was or is to be told another time, for admins."""

    asked_at: datetime
    account: str | None
    client: str | None
    reason: str
    timeout_s: int
    phase: str
    tries: int
    outcome: str
    error_cause: int | None
    detail: str
    answered_at: datetime | None
    call_id: str


def time_lines(
    txn: cursor, *, account: str | None = None, call_id: str | None = None, most: int = 100
) -> list[TimeLine]:
    """Return which times switches were told of calls that were up, the latest first."""
    return [TimeLine(*row) for row in asked_lines(txn, Queue.TIMES, account, call_id, most)]
