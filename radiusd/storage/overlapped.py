"""A connection to PostgreSQL for asyncio: while the database works, its thread does something else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ

from radiusd.storage.database import Prepared, Rows


class OverlappedConnection:
    """
    A connection for commands that have several things under way; one string of statements at a time.

    Threads that block would do, but for Python's lock: passing it to and fro costs an import a fifth. *name*
    is what pg_stat_activity calls it.
    """

    def __init__(self, dsn: str, name: str, options: str = "") -> None:
        self._dsn = dsn
        self._name = name
        self._options = options
        self._connection: Any = None
        self._turn = asyncio.Lock()
        self._lost: psycopg2.Error | None = None

    async def open(self, statements: Sequence[Prepared] = ()) -> None:
        """
        Connect and prepare *statements*.

        Raises:
            psycopg2.Error: The server cannot be reached or refuses.
        """
        self._connection = psycopg2.connect(
            self._dsn, application_name=self._name, options=self._options, async_=True
        )
        await self._answered()
        self._cursor = self._connection.cursor()
        if statements:
            await self.run(";".join(statement.prepare for statement in statements))

    async def run(self, sql: str, args: Sequence[object] = ()) -> Rows:
        """
        Run *sql* and return the rows of its last statement.

        Raises:
            psycopg2.Error: The server refuses, or the connection is lost, now or before.
        """
        async with self._turn:
            if self._lost is not None:
                raise psycopg2.OperationalError(str(self._lost)) from self._lost
            try:
                self._cursor.execute(sql, args or None)
                await self._answered()
            except psycopg2.Error as error:
                if self._connection.closed:
                    self._lost = error
                raise
            return self._cursor.fetchall() if self._cursor.description else []

    def close(self) -> None:
        """Close the connection; what is not committed is undone."""
        if self._connection is not None:
            self._connection.close()

    async def _answered(self) -> None:
        loop = asyncio.get_running_loop()
        while (state := self._connection.poll()) != POLL_OK:
            place = self._connection.fileno()
            may_go_on = asyncio.Event()
            if state == POLL_READ:
                loop.add_reader(place, may_go_on.set)
            else:
                loop.add_writer(place, may_go_on.set)
            try:
                await may_go_on.wait()
            finally:
                loop.remove_reader(place)
                loop.remove_writer(place)
