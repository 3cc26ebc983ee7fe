"""The connection for what is not a batch: boots, expired sessions, duties, the catalogue's version."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import psycopg2
from twisted.internet.defer import DeferredLock

from radiusd.errors import NotDurable
from radiusd.storage.database import PolledConnection, Rows


class ControlConnection:
    """Runs one statement string after the other, and connects anew when the connection was lost."""

    def __init__(self, connect: Callable[[], PolledConnection]) -> None:
        self._connect = connect
        self._connection: PolledConnection | None = None
        self._lock = DeferredLock()

    async def run(self, sql: str, args: Sequence[object] = ()) -> Rows:
        """
        Run *sql* and return the rows of its last statement.

        Raises:
            psycopg2.Error, NotDurable: The database refuses or is away; nothing is tried again here.
        """
        await self._lock.acquire()
        try:
            connection = self._connection
            if connection is None or not connection.is_open:
                self._connection = connection = self._connect()
                await connection.open(())
            return await connection.run(sql, args)
        except (psycopg2.Error, NotDurable):
            self.close()  # no half-open transaction is left behind
            raise
        finally:
            self._lock.release()

    def close(self) -> None:
        """Close the connection; the next statement opens another."""
        connection, self._connection = self._connection, None
        if connection is not None and connection.is_open:
            connection.close()
