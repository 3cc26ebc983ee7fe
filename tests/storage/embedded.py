"""What the tests of the embedded PostgreSQL make it with, and how they ask it."""

from collections.abc import Callable
from contextlib import closing

import psycopg2

from radiusd.storage.postgres import EmbeddedPostgres

Make = Callable[..., EmbeddedPostgres]


def ask(dsn: str, sql: str) -> object:
    """Return the one value that *sql* yields."""
    with closing(psycopg2.connect(dsn)) as conn, conn, conn.cursor() as cursor:
        cursor.execute(sql)
        row = cursor.fetchone()
        return row and row[0]
