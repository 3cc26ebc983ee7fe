"""The catalogue: all that admins provisioned, read as one immutable snapshot, and its version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from radiusd.calls.directory import Directory
from radiusd.radius.clients import Client, ClientTable, Network
from radiusd.storage.catalogue_versions import catalogue_version
from radiusd.storage.decks import load_decks, load_origins, load_overrides
from radiusd.storage.policies import load_policies
from radiusd.storage.secrets import Sealer
from radiusd.storage.services import load_accounts, load_plans, load_services, load_states
from radiusd.storage.suppliers import load_carriers
from rating.decks import Deck
from rating.origins import Origin


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One state of the catalogue, whole: swapped in one assignment, never changed."""

    version: int
    directory: Directory
    clients: ClientTable
    rates: Mapping[int, Deck] = field(
        repr=False
    )  # by deck version, so that the next load reads only new ones
    origins: Mapping[str, Origin] = field(default_factory=dict, repr=False)


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
        origins = load_origins(txn)
        decks, rates = load_decks(connection, txn, _still_good(previous, origins), origins)
        plans = load_plans(txn, decks, load_overrides(txn, "plan", origins))
        policies = load_policies(txn)
        accounts = load_accounts(txn, load_overrides(txn, "account", origins), policies)
        services = load_services(txn, accounts, plans, policies=policies)
        directory = Directory(version, services, load_states(txn), plans, load_carriers(txn, decks))
        return Catalogue(version, directory, load_clients(txn, sealer), rates, origins)


def _still_good(previous: Catalogue | None, origins: Mapping[str, Origin]) -> Mapping[int, Deck]:
    """Return the rates of *previous* that read the same today: groups of callers may have changed since."""
    if previous is None:
        return {}
    if previous.origins == origins:
        return previous.rates
    return {version_id: deck for version_id, deck in previous.rates.items() if not deck.by_origin}


def load_clients(txn: Cursor, sealer: Sealer) -> ClientTable:
    """
    Return the clients alone: all that a front worker needs of the catalogue.

    Raises:
        NotOurSeal: A client's secret was sealed with another key.
    """
    networks = _load_networks(txn)
    certificates = _load_certificates(txn)
    txn.execute(
        "SELECT id, name, secret_sealed, dialect, require_message_authenticator, limit_proxy_state,"
        " asserts_numbers, is_proxy, call_check, digest, grant_mode AS grant, lease_s, max_call_s,"
        " setup_ttl_s, match_order, return_codes, settings, cut_off, cut_off_for, tell_time, coa_address,"
        " coa_port, coa_transport,"
        " coa_secret_sealed, sip, sip_trunk_header, sip_next_hop"
        " FROM client ORDER BY id"
    )
    names = [column.name for column in txn.description or ()]
    return ClientTable(
        _client(
            dict(zip(names, row, strict=True)), networks.get(row[0], ()), certificates.get(row[0], ()), sealer
        )
        for row in txn.fetchall()
    )


def _client(
    columns: dict[str, Any], networks: Sequence[Network], certificates: Sequence[str], sealer: Sealer
) -> Client:
    secret = sealer.open(bytes(columns.pop("secret_sealed")))
    coa_secret = columns.pop("coa_secret_sealed")
    columns["coa_secret"] = None if coa_secret is None else sealer.open(bytes(coa_secret))
    columns["cut_off_for"] = tuple(columns["cut_off_for"])
    match_order = tuple(columns.pop("match_order"))
    return Client(
        networks=tuple(networks),
        certificates=tuple(certificates),
        secret=secret,
        match_order=match_order,
        **columns,
    )


def _load_networks(txn: Cursor) -> dict[int, list[Network]]:
    txn.execute("SELECT client_id, network::text FROM client_network ORDER BY network")
    networks: dict[int, list[Network]] = {}
    for client_id, network in txn.fetchall():
        networks.setdefault(client_id, []).append(ip_network(network))
    return networks


def _load_certificates(txn: Cursor) -> dict[int, list[str]]:
    txn.execute("SELECT client_id, identity FROM client_certificate ORDER BY identity")
    certificates: dict[int, list[str]] = {}
    for client_id, identity in txn.fetchall():
        certificates.setdefault(client_id, []).append(identity)
    return certificates
