"""Rate ended calls again, take it back, and say what that comes to: what every face does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from random import SystemRandom
from uuid import UUID

import psycopg2
from psycopg2.extensions import cursor as Cursor

from provisioning import reratings
from provisioning.admin import Admin
from provisioning.reratings import Difference, KeptCalls
from provisioning.roles import require_change
from radiusd.calls.rerating import Rerated, Wanted
from radiusd.storage.catalogue import load_catalogue
from radiusd.storage.rerating import Rerater, Scope, select_calls

CONNECT_LIMIT_S = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """
    What rating *calls* calls again comes to, or came to.

    *rerating* is the id under which it can be undone, None when nothing was booked.
    """

    rerating: str | None
    calls: int
    changed: int
    differences: list[Difference]
    kept: list[KeptCalls]


class RerateDesk:
    """Works on the database *dsn*, over connections of its own: an account is a transaction."""

    def __init__(self, dsn: str, admin: Admin) -> None:
        require_change(admin, "rerating")
        self._dsn = dsn
        self._admin = admin

    def preview(self, scope: Scope, *, redraw: bool = False) -> Outcome:
        """Return what rating the calls of *scope* again would come to. Raises BadInput."""
        with self._at_work(scope) as (rerater, wanted):
            found = list(rerater.preview(wanted, redraw=redraw))
        return self._outcome(found)

    def apply(self, scope: Scope, *, redraw: bool = False, closed: bool = False) -> Outcome:
        """
        Reverse what was booked of the calls of *scope* and book it anew; nothing when nothing changes.

        Raises:
            BadInput: The scope is every call, or none that can be.
            Conflict: Some are in a closed period, and not *closed* said that they are meant.
        """
        with self._at_work(scope) as (rerater, wanted):
            found = list(rerater.preview(wanted, redraw=redraw))
            if not any(each.after is not None for each in found):
                return self._outcome(found)
            rerating_id = rerater.new_id()
            with self._transaction() as txn:
                if not closed:
                    reratings.refuse_closed(txn, found)
                reratings.begin_rerating(txn, rerating_id, scope, self._admin)
            found = list(rerater.apply(wanted, rerating_id, redraw=redraw))
        return self._outcome(found, rerating_id)

    def undo(self, rerating: UUID) -> Outcome:
        """
        Book again what a rerating has replaced.

        Raises:
            NotFound: There is no such rerating.
            Conflict: It is undone, or its calls or minutes were changed since.
        """
        with self._transaction() as txn:
            reratings.begin_undoing(txn, rerating)
        with self._rerater() as rerater:
            done = list(rerater.undo(str(rerating)))
        with self._transaction() as txn:
            reratings.finish_undoing(txn, rerating, self._admin)
        return self._outcome(done)

    def _outcome(self, found: list[Rerated], rerating_id: str | None = None) -> Outcome:
        with self._transaction() as txn:
            accounts = reratings.accounts_by_id(txn)
        differences = reratings.differences(found, accounts)
        return Outcome(
            rerating=rerating_id,
            calls=len(found),
            changed=sum(each.calls for each in differences),
            differences=differences,
            kept=reratings.kept_calls(found),
        )

    @contextmanager
    def _at_work(self, scope: Scope) -> Iterator[tuple[Rerater, list[Wanted]]]:
        reratings.checked_scope(scope)
        with self._transaction() as txn:
            wanted = select_calls(txn, scope)
        with self._rerater() as rerater:
            yield rerater, wanted

    @contextmanager
    def _rerater(self) -> Iterator[Rerater]:
        with self._connected() as connection:
            catalogue = load_catalogue(connection, self._admin.sealer)
        with closing(Rerater(self._dsn, catalogue, self._admin.now, SystemRandom())) as made:
            yield made

    @contextmanager
    def _transaction(self) -> Iterator[Cursor]:
        with self._connected() as connection, connection, connection.cursor() as txn:
            yield txn

    def _connected(self) -> closing[psycopg2.extensions.connection]:
        return closing(
            psycopg2.connect(self._dsn, connect_timeout=CONNECT_LIMIT_S, application_name="tollwire rerating")
        )
