"""The catalogue: all that admins provisioned, read as one immutable snapshot, and its version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_network
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from radiusd.calls.directory import Directory
from radiusd.radius.clients import Client, ClientTable, Network
from radiusd.storage.decks import load_decks
from radiusd.storage.secrets import Sealer
from radiusd.storage.services import load_accounts, load_plans, load_services
from rating.decks import Deck

CHANNEL = "tollwire_catalogue"  # NOTIFY is a hint that spares waiting; the version in the table is the truth


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One state of the catalogue, whole: swapped in one assignment, never changed."""

    version: int
    directory: Directory
    clients: ClientTable
    rates: Mapping[int, Deck] = field(
        repr=False
    )  # by deck version, so that the next load reads only new ones


def load_catalogue(connection: Connection, sealer: Sealer, previous: Catalogue | None = None) -> Catalogue:
    """
    Return the catalogue as it is now; rates that *previous* holds are shared with it.

    The connection must have no transaction open. Everything is read from one snapshot of the database, so
    that a change is seen whole or not at all.

    Raises:
        NotOurSeal: A client's secret was sealed with another key.
    """
    with connection, connection.cursor() as txn:
        txn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        txn.execute("SET LOCAL TIME ZONE 'UTC'")
        version = catalogue_version(txn)
        decks, rates = load_decks(connection, txn, {} if previous is None else previous.rates)
        plans = load_plans(txn, decks)
        directory = Directory(version, load_services(txn, load_accounts(txn), plans))
        return Catalogue(version, directory, load_clients(txn, sealer), rates)


def catalogue_version(txn: Cursor) -> int:
    """Return the catalogue's version: what a worker polls."""
    txn.execute("SELECT version FROM catalogue_version")
    row = txn.fetchone()
    assert row is not None, "the migration put one row there, and nothing deletes it"
    return int(row[0])


def touch(txn: Cursor, now: datetime) -> int:
    """
    Raise the catalogue's version and return it; workers load the catalogue after the commit.

    The row stays locked until then: provisioning changes happen one after the other.
    """
    txn.execute(
        "UPDATE catalogue_version SET version = version + 1, changed_at = %s"
        " RETURNING version, pg_notify(%s, version::text)",
        (now, CHANNEL),
    )
    row = txn.fetchone()
    assert row is not None, "the migration put one row there, and nothing deletes it"
    return int(row[0])


def load_clients(txn: Cursor, sealer: Sealer) -> ClientTable:
    """
    Return the clients alone: all that a front worker needs of the catalogue.

    Raises:
        NotOurSeal: A client's secret was sealed with another key.
    """
    networks = _load_networks(txn)
    txn.execute(
        "SELECT id, name, secret_sealed, dialect, require_message_authenticator, limit_proxy_state,"
        " asserts_numbers, is_proxy, call_check, digest, grant_mode AS grant, lease_s, max_call_s,"
        " setup_ttl_s, match_order, return_codes, settings FROM client ORDER BY id"
    )
    names = [column.name for column in txn.description or ()]
    return ClientTable(
        _client(dict(zip(names, row, strict=True)), networks.get(row[0], ()), sealer)
        for row in txn.fetchall()
    )


def _client(columns: dict[str, Any], networks: Sequence[Network], sealer: Sealer) -> Client:
    secret = sealer.open(bytes(columns.pop("secret_sealed")))
    match_order = tuple(columns.pop("match_order"))
    return Client(networks=tuple(networks), secret=secret, match_order=match_order, **columns)


def _load_networks(txn: Cursor) -> dict[int, list[Network]]:
    txn.execute("SELECT client_id, network::text FROM client_network ORDER BY network")
    networks: dict[int, list[Network]] = {}
    for client_id, network in txn.fetchall():
        networks.setdefault(client_id, []).append(ip_network(network))
    return networks
