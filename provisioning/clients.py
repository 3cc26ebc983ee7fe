"""RADIUS clients: the switches that may speak to us, their addresses and secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from typing import Any

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from provisioning import names
from provisioning.admin import MASK, Action, Admin, Change, FieldChange, Secret, compare, record
from provisioning.rows import save
from radiusd.dialects.registry import DIALECTS, check_settings
from radiusd.errors import BadInput, Conflict, NotFound
from radiusd.radius.clients import Client as Checked
from radiusd.radius.clients import weakness_of

WELL_KNOWN_SECRET = b"testing123"  # the example of every RADIUS book: the first that anybody tries


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """
    A switch, SBC or PBX; the fields mean what :class:`radiusd.radius.clients.Client` says.

    *secret* None keeps the one that is stored.
    """

    name: str
    networks: tuple[str, ...] = ()
    secret: Secret | None = field(default=None, repr=False)
    dialect: str = "rfc2866"
    require_message_authenticator: bool = True
    limit_proxy_state: bool = True
    asserts_numbers: bool = False
    is_proxy: bool = False
    call_check: str = "service-type"
    digest: str = "strict"
    grant: str = "whole"
    lease_s: int = 300
    max_call_s: int = 14400
    setup_ttl_s: int = 90
    match_order: tuple[str, ...] = ("username", "trunk", "ip", "number")
    return_codes: str = "cisco"
    settings: Mapping[str, str] = field(default_factory=dict)


def add_client(txn: Cursor, client: Client, admin: Admin) -> Change:
    """Add *client*. Raises Conflict when it exists or another has its network."""
    if _read(txn, client.name) is not None:
        raise Conflict(f"client {client.name} exists already; change it with set")
    return set_client(txn, client, admin)


def set_client(txn: Cursor, client: Client, admin: Admin) -> Change:
    """Make the client be as *client* says, whether it exists or not."""
    change = put_client(txn, client, admin)
    record(txn, admin, [change])
    return change


def end_client(txn: Cursor, name: str, admin: Admin) -> Change:
    """Take all networks from the client: no packet of it is answered any more. Its calls stay on record."""
    client_id, current, _ = _found(txn, name)
    if not current.networks:
        return Change(Action.UNCHANGED, "client", name)
    txn.execute("DELETE FROM client_network WHERE client_id = %s", (client_id,))
    gone = FieldChange("networks", ", ".join(current.networks), "")
    change = Change(Action.ENDED, "client", name, (gone,))
    record(txn, admin, [change])
    return change


def put_client(txn: Cursor, client: Client, admin: Admin) -> Change:
    """Make the client be as *client* says; the caller records the change."""
    networks = tuple(str(names.network("networks", text)) for text in client.networks)
    client = replace(
        client,
        name=names.name("name", client.name),
        networks=tuple(sorted(set(networks), key=_network_order)),
    )
    found = _read(txn, client.name)
    row_id, current, sealed = (None, None, None) if found is None else found
    secret = client.secret.octets if client.secret else admin.sealer.open(sealed) if sealed else b""
    _check(client, secret)
    secret_changes = []
    if sealed is None or admin.sealer.open(sealed) != secret:
        secret_changes.append(FieldChange("secret", MASK if sealed else "", MASK))
    change = compare("client", client.name, current, client, *secret_changes)
    if change:
        _refuse_taken(txn, client)
        columns = _columns(client)
        if secret_changes:
            columns["secret_sealed"] = admin.sealer.seal(secret)
        row_id = save(txn, "client", row_id, columns)
        _put_networks(txn, row_id, client)
    weakness = weakness_of(secret) if client.secret else None
    return replace(change, warnings=() if weakness is None else (f"client {client.name}: {weakness}",))


def list_clients(txn: Cursor) -> list[Client]:
    """Return all clients by name, without their secrets."""
    txn.execute(SELECT + " GROUP BY c.id ORDER BY c.name")
    return [_client_of(txn, row)[1] for row in txn.fetchall()]


def read_client(txn: Cursor, name: str) -> Client:
    """Return the client *name* without its secret. Raises NotFound."""
    return _found(txn, name)[1]


def client_id_of(txn: Cursor, name: str) -> int:
    """Return the id of the client *name*. Raises NotFound."""
    return _found(txn, name)[0]


def _check(client: Client, secret: bytes) -> None:
    """Refuse what the server could not work with, or what would let strangers in."""
    if not secret:
        raise BadInput(
            f"secret: client {client.name} needs a shared secret that is not empty; "
            "give 16 random octets or more"
        )
    if not client.networks:
        raise BadInput("networks: give the addresses that the client sends from")
    if client.dialect not in DIALECTS:
        raise BadInput(f"dialect: {client.dialect!r} is none of {', '.join(sorted(DIALECTS))}")
    names.whole("lease_s", client.lease_s, 1, 86400)
    names.whole("max_call_s", client.max_call_s, 1, 31 * 86400)
    names.whole("setup_ttl_s", client.setup_ttl_s, 1, 3600)
    exposed = [text for text in client.networks if not ip_network(text).is_loopback]
    if secret == WELL_KNOWN_SECRET and exposed:
        raise BadInput(
            f"secret: everybody knows {WELL_KNOWN_SECRET.decode()}, and {exposed[0]} is not this machine; "
            "give 16 random octets or more"
        )
    wrong = check_settings(client.dialect, client.settings)
    if wrong:
        raise BadInput(f"settings: {'; '.join(wrong)}")
    try:
        Checked(id=0, secret=secret, **{**_fields(client), "networks": ()})
    except ValueError as error:
        raise BadInput(str(error)) from error


def _fields(client: Client) -> dict[str, Any]:
    return {name: getattr(client, name) for name in Client.__slots__ if name != "secret"}


def _columns(client: Client) -> dict[str, object]:
    columns = _fields(client)
    del columns["networks"]
    columns["grant_mode"] = columns.pop("grant")  # GRANT is a word of SQL
    columns["match_order"] = list(client.match_order)
    columns["settings"] = Json(dict(client.settings))
    return columns


def _refuse_taken(txn: Cursor, client: Client) -> None:
    """Refuse networks that another client has."""
    txn.execute(
        "SELECT n.network::text, c.name FROM client_network n JOIN client c ON c.id = n.client_id"
        " WHERE n.network = ANY(%s::cidr[]) AND c.name <> %s",
        (list(client.networks), client.name),
    )
    taken = txn.fetchone()
    if taken is not None:
        raise Conflict(f"networks: {taken[0]} belongs to client {taken[1]}; take it from that one first")


def _put_networks(txn: Cursor, client_id: int, client: Client) -> None:
    wanted = list(client.networks)
    txn.execute(
        "DELETE FROM client_network WHERE client_id = %s AND network <> ALL(%s::cidr[])", (client_id, wanted)
    )
    txn.execute(
        "INSERT INTO client_network (network, client_id) SELECT unnest(%s::cidr[]), %s"
        " ON CONFLICT DO NOTHING",
        (wanted, client_id),
    )


SELECT = """
SELECT c.id, c.secret_sealed, c.name,
    array_remove(array_agg(n.network::text ORDER BY family(n.network), n.network), NULL) AS networks,
    c.dialect, c.require_message_authenticator, c.limit_proxy_state, c.asserts_numbers, c.is_proxy,
    c.call_check, c.digest, c.grant_mode AS grant, c.lease_s, c.max_call_s, c.setup_ttl_s, c.match_order,
    c.return_codes, c.settings
FROM client c LEFT JOIN client_network n ON n.client_id = c.id
"""


def _read(txn: Cursor, name: str) -> tuple[int, Client, bytes] | None:
    txn.execute(SELECT + " WHERE c.name = %s GROUP BY c.id", (name,))
    row = txn.fetchone()
    return None if row is None else _client_of(txn, row)


def _found(txn: Cursor, name: str) -> tuple[int, Client, bytes]:
    found = _read(txn, name)
    if found is None:
        raise NotFound(f"client {name} does not exist; add it first")
    return found


def _client_of(txn: Cursor, row: tuple[Any, ...]) -> tuple[int, Client, bytes]:
    fields = {column.name: value for column, value in zip(txn.description or (), row, strict=True)}
    client_id, sealed = fields.pop("id"), bytes(fields.pop("secret_sealed"))
    networks = tuple(str(ip_network(text)) for text in fields.pop("networks"))
    match_order = tuple(fields.pop("match_order"))
    return client_id, Client(networks=networks, match_order=match_order, **fields), sealed


def _network_order(text: str) -> tuple[int, int, int]:
    network = ip_network(text)
    return network.version, int(network.network_address), network.prefixlen
