"""Idempotency-Key: a request that is sent again because its answer was lost gets the answer that it had."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from radiusd.errors import BadInput

KEPT = timedelta(hours=24)
LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it goes out."""

    status: int
    headers: dict[str, str]
    body: bytes


def fingerprint(method: str, path: str, body: bytes) -> bytes:
    """Return what tells one request from another."""
    parts = (method.encode(), path.encode("utf-8", "surrogateescape"), body)
    return hashlib.sha256(b"\0".join(parts)).digest()


def check_key(key: str) -> str:
    """Return *key* when it can be one. Raises BadInput."""
    if not key or len(key) > LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise BadInput(f"Idempotency-Key: use 1 to {LONGEST_KEY} characters of ASCII")
    return key


def earlier_reply(txn: Cursor, token_id: int, key: str, request: bytes, now: datetime) -> Reply | None:
    """
    Return the answer that *key* had, None when it is new; then this transaction owns it.

    While another transaction is at work under the key, this waits for it.

    Raises:
        BadInput: The key was used for another request.
    """
    txn.execute(
        "DELETE FROM api_reply WHERE token_id = %s AND key = %s AND at <= %s", (token_id, key, now - KEPT)
    )
    txn.execute(
        "INSERT INTO api_reply (token_id, key, request, status, headers, body, at)"
        " VALUES (%s, %s, %s, 0, '{}', '', %s) ON CONFLICT (token_id, key) DO NOTHING",
        (token_id, key, request, now),
    )
    if txn.rowcount:
        return None
    txn.execute(
        "SELECT request, status, headers, body FROM api_reply WHERE token_id = %s AND key = %s",
        (token_id, key),
    )
    ((known, status, headers, body),) = txn.fetchall()
    if bytes(known) != request:
        raise BadInput("Idempotency-Key: it was used for another request; make a new one")
    return Reply(status, {**headers, "Idempotency-Replayed": "true"}, bytes(body))


def keep_reply(txn: Cursor, token_id: int, key: str, reply: Reply) -> None:
    """Keep the answer under *key*, in the transaction that did what it tells of."""
    txn.execute(
        "UPDATE api_reply SET status = %s, headers = %s, body = %s WHERE token_id = %s AND key = %s",
        (reply.status, Json(reply.headers), reply.body, token_id, key),
    )


def sweep_replies(txn: Cursor, now: datetime) -> None:
    """Forget answers that are a day old."""
    txn.execute("DELETE FROM api_reply WHERE at <= %s", (now - KEPT,))
