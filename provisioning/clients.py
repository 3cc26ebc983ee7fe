"""RADIUS clients: the switches that may speak to us, their addresses and secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_network
from typing import Any

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from provisioning import names
from provisioning.admin import MASK, Action, Admin, Change, FieldChange, Secret, compare, record
from provisioning.rows import save
from radiusd.dialects.registry import DIALECTS, check_settings
from radiusd.errors import BadInput, Conflict, NotFound
from radiusd.radius.certificates import certificate_identity
from radiusd.radius.clients import CUT_OFF_FOR, weakness_of
from radiusd.radius.clients import Client as Checked

RADSEC_SECRET = b"radsec"  # RFC 6614, 2.3
_HEADER = re.compile(r"[A-Za-z0-9.!%*_+`'~-]{1,64}")  # a token of RFC 3261, 25.1
_NEXT_HOP = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
WELL_KNOWN_SECRET = b"testing123"  # the example of every RADIUS book: the first that anybody tries


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """
    A switch, SBC or PBX; the fields mean what :class:`radiusd.radius.clients.Client` says.

    *secret* and *coa_secret* None keep the one that is stored.
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
    cut_off: str = "none"
    cut_off_for: tuple[str, ...] = CUT_OFF_FOR
    tell_time: str = "none"
    coa_address: str = ""
    coa_transport: str = "udp"
    coa_port: int | None = None
    coa_secret: Secret | None = field(default=None, repr=False)
    certificates: tuple[str, ...] = ()
    sip: str = "off"
    sip_trunk_header: str = ""
    sip_next_hop: str = ""


HELPS = {
    "networks": "Address or network that it sends from.",
    "dialect": "How it tells of calls, like cisco or kamailio; generic: by its settings alone.",
    "require_message_authenticator": "Drop its Access-Requests that have no Message-Authenticator.",
    "limit_proxy_state": "Drop those with Proxy-State and no Message-Authenticator.",
    "asserts_numbers": "It has checked calling numbers, so that a number alone may name an account.",
    "is_proxy": "It may speak for other switches' calls.",
    "call_check": "Which Access-Requests without credentials it may send.",
    "digest": "As RFC 5090 says, or as SIP proxies that make their own nonces.",
    "grant": "Give a call its whole time at once, or a lease, for a switch that asks again.",
    "lease_s": "Seconds that one lease gives.",
    "max_call_s": "Most seconds that a call gets at once.",
    "setup_ttl_s": "Seconds that an authorized call may take to start.",
    "match_order": "Identifier to try, in this order: username, trunk, ip, number.",
    "return_codes": "Which table of h323-return-codes it knows.",
    "settings": "What only its dialect understands.",
    "cut_off": "How it is made to end a call: not at all, or by RFC 5176's Disconnect- or CoA-Request.",
    "cut_off_for": "Reason: no_credit, grant_over, suspended, service_ended, over_limit or fraud.",
    "tell_time": "How it is told a new time of a call that is up: not at all, or by a CoA-Request.",
    "coa_address": "Where such requests go; new: where the call's own packets came from.",
    "coa_transport": "How: over UDP, or inside TLS, where the secret is everybody's.",
    "coa_port": "The port that they go to; new: 3799, with TLS 2083.",
    "certificates": "What its TLS certificate says: sha256:, dns:, ip:, uri: or issuer: and a value.",
    "sip": "Take its INVITEs: not at all, without credentials, or challenged with 401 or 407.",
    "sip_trunk_header": "Header of an INVITE that names the trunk group.",
    "sip_next_hop": "Host or host:port to redirect its calls to, in place of where they were going.",
}
WORDS = {
    "call_check": ("service-type", "any", "never"),
    "digest": ("strict", "proxy"),
    "grant": ("whole", "lease"),
    "cut_off": ("none", "disconnect", "coa"),
    "tell_time": ("none", "coa"),
    "coa_transport": ("udp", "tls"),
    "sip": ("off", "open", "401", "407"),
}


def add_client(txn: Cursor, client: Client, admin: Admin) -> Change:
    """Add *client*. Raises Conflict when it exists or another has its network."""
    if _read(txn, client.name) is not None:
        raise Conflict(f"client {client.name} exists already; change it with set")
    return set_client(txn, client, admin)


def set_client(txn: Cursor, client: Client, admin: Admin) -> Change:
    """Make the client be as *client* says, whether it exists or not."""
    admin.require("clients:write")
    change = put_client(txn, client, admin)
    record(txn, admin, [change])
    return change


def end_client(txn: Cursor, name: str, admin: Admin) -> Change:
    """Take networks and certificates from the client: it is answered no more. Its calls stay on record."""
    admin.require("clients:write")
    client_id, current, _ = _found(txn, name)
    if not current.networks and not current.certificates:
        return Change(Action.UNCHANGED, "client", name)
    txn.execute("DELETE FROM client_network WHERE client_id = %s", (client_id,))
    txn.execute("DELETE FROM client_certificate WHERE client_id = %s", (client_id,))
    gone = [("networks", current.networks), ("certificates", current.certificates)]
    changes = tuple(FieldChange(field, ", ".join(were), "") for field, were in gone if were)
    change = Change(Action.ENDED, "client", name, changes)
    record(txn, admin, [change])
    return change


def put_client(txn: Cursor, client: Client, admin: Admin) -> Change:
    """Make the client be as *client* says; the caller records the change."""
    networks = tuple(str(names.network("networks", text)) for text in client.networks)
    client = replace(
        client,
        name=names.name("name", client.name),
        networks=tuple(sorted(set(networks), key=_network_order)),
        cut_off_for=tuple(sorted(set(client.cut_off_for))),
        coa_address=_coa_address(client.coa_address),
        certificates=tuple(sorted({_certificate(text) for text in client.certificates})),
    )
    found = _read(txn, client.name)
    row_id, current, sealed = (None, None, None) if found is None else found
    secret = client.secret.octets if client.secret else admin.sealer.open(sealed) if sealed else b""
    if not secret and client.certificates and not client.networks:
        secret = RADSEC_SECRET  # it speaks inside TLS only, where everybody has this one
    _check(client, secret)
    secret_changes = []
    if sealed is None or admin.sealer.open(sealed) != secret:
        secret_changes.append(FieldChange("secret", MASK if sealed else "", MASK))
    coa_secret = _new_coa_secret(txn, row_id, client, admin)
    if coa_secret:
        secret_changes.append(FieldChange("coa_secret", "", MASK))
    change = compare("client", client.name, current, client, *secret_changes)
    if change:
        _refuse_taken(txn, client)
        columns = _columns(client)
        if secret_changes:
            columns["secret_sealed"] = admin.sealer.seal(secret)
        if coa_secret:
            columns["coa_secret_sealed"] = admin.sealer.seal(coa_secret)
        row_id = save(txn, "client", row_id, columns)
        _put_networks(txn, row_id, client)
        _put_certificates(txn, row_id, client)
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
    if not client.networks and not client.certificates:
        raise BadInput(
            "networks: give the addresses that the client sends from, or certificates if it speaks TLS only"
        )
    if client.networks and secret == RADSEC_SECRET:
        raise BadInput(
            f"secret: {RADSEC_SECRET.decode()} is everybody's inside TLS, and from its networks "
            f"{client.name} may speak without TLS; give 16 random octets or more"
        )
    _check_sip(client)
    if client.dialect not in DIALECTS:
        raise BadInput(f"dialect: {client.dialect!r} is none of {', '.join(sorted(DIALECTS))}")
    names.whole("lease_s", client.lease_s, 1, 86400)
    names.whole("max_call_s", client.max_call_s, 1, 31 * 86400)
    names.whole("setup_ttl_s", client.setup_ttl_s, 1, 86400)
    names.whole("coa_port", client.coa_port, 1, 65535)
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


def _check_sip(client: Client) -> None:
    """Refuse what would not stand in a SIP message as it is meant."""
    header, next_hop = client.sip_trunk_header, client.sip_next_hop
    if header and not _HEADER.fullmatch(header):
        raise BadInput(f"sip_trunk_header: {header[:64]!r} is no name of a header, such as X-Trunk-Group")
    if next_hop and not _NEXT_HOP.fullmatch(next_hop):
        raise BadInput(
            f"sip_next_hop: {next_hop[:64]!r} is not host or host:port, such as gw1.example.net:5080"
        )


def _certificate(text: str) -> str:
    try:
        return certificate_identity(text)
    except ValueError as error:
        raise BadInput(f"certificates: {error}") from error


def _fields(client: Client) -> dict[str, Any]:
    return {name: getattr(client, name) for name in Client.__slots__ if not name.endswith("secret")}


def _columns(client: Client) -> dict[str, object]:
    columns = _fields(client)
    del columns["networks"], columns["certificates"]
    columns["grant_mode"] = columns.pop("grant")  # GRANT is a word of SQL
    columns["match_order"] = list(client.match_order)
    columns["settings"] = Json(dict(client.settings))
    columns["cut_off_for"] = list(client.cut_off_for)
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
    txn.execute(
        "SELECT t.identity, c.name FROM client_certificate t JOIN client c ON c.id = t.client_id"
        " WHERE t.identity = ANY(%s) AND c.name <> %s",
        (list(client.certificates), client.name),
    )
    taken = txn.fetchone()
    if taken is not None:
        raise Conflict(f"certificates: {taken[0]} belongs to client {taken[1]}; take it from that one first")


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


def _put_certificates(txn: Cursor, client_id: int, client: Client) -> None:
    wanted = list(client.certificates)
    txn.execute(
        "DELETE FROM client_certificate WHERE client_id = %s AND identity <> ALL(%s)", (client_id, wanted)
    )
    txn.execute(
        "INSERT INTO client_certificate (identity, client_id) SELECT unnest(%s::text[]), %s"
        " ON CONFLICT DO NOTHING",
        (wanted, client_id),
    )


SELECT = """
SELECT c.id, c.secret_sealed, c.name,
    array_remove(array_agg(n.network::text ORDER BY family(n.network), n.network), NULL) AS networks,
    c.dialect, c.require_message_authenticator, c.limit_proxy_state, c.asserts_numbers, c.is_proxy,
    c.call_check, c.digest, c.grant_mode AS grant, c.lease_s, c.max_call_s, c.setup_ttl_s, c.match_order,
    c.return_codes, c.settings, c.cut_off, c.cut_off_for, c.tell_time, c.coa_address, c.coa_transport,
    c.coa_port, c.sip, c.sip_trunk_header, c.sip_next_hop,
    ARRAY(SELECT t.identity FROM client_certificate t WHERE t.client_id = c.id ORDER BY 1) AS certificates
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
    for many in ("match_order", "certificates", "cut_off_for"):
        fields[many] = tuple(fields[many])
    return client_id, Client(networks=networks, **fields), sealed


def _coa_address(text: str) -> str:
    """Return the address that Disconnect-Requests go to in one spelling, empty when none is set."""
    if not text:
        return ""
    try:
        return str(ip_address(text.strip("[]")))
    except ValueError as error:
        raise BadInput(
            f"coa_address: {text[:60]!r} is no address; write 192.0.2.1 or 2001:db8::1, or leave it out"
        ) from error


def _new_coa_secret(txn: Cursor, row_id: int | None, client: Client, admin: Admin) -> bytes | None:
    """Return the secret of Disconnect-Requests when *client* brings another one than is stored."""
    if client.coa_secret is None:
        return None
    txn.execute("SELECT coa_secret_sealed FROM client WHERE id = %s", (row_id,))
    row = txn.fetchone()
    stored = None if row is None or row[0] is None else admin.sealer.open(bytes(row[0]))
    return None if stored == client.coa_secret.octets else client.coa_secret.octets


def _network_order(text: str) -> tuple[int, int, int]:
    network = ip_network(text)
    return network.version, int(network.network_address), network.prefixlen
