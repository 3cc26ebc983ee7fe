"""Look on at a client's packets as they come in: what the server understands, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from importlib.resources import as_file, files
from typing import Any
from uuid import UUID

from psycopg2.extensions import cursor as Cursor
from pyrad.dictionary import Dictionary

from provisioning.admin import Action, Admin, Change, audit
from provisioning.captures.decode import Decoded, Decoder, as_document
from provisioning.captures.sent import Sent
from provisioning.clients import client_id_of
from provisioning.roles import Actor
from radiusd.errors import BadInput, NotFound
from radiusd.radius.client import load_dictionary
from radiusd.radius.clients import Client
from radiusd.storage import watches
from radiusd.storage.catalogue import load_clients
from radiusd.storage.secrets import Sealer

USUAL_S = 300
LONGEST_S = 3600
MOST_SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedPacket:
    """A packet of a watched client: *request* and *reply* decoded, and what became of it."""

    id: str
    at: datetime
    port: str
    source: str
    outcome: str
    reason: str
    took_ms: float | None
    request: Decoded
    reply: Decoded | None


def watch_client(txn: Cursor, client: str, admin: Admin, seconds: int = USUAL_S) -> datetime:
    """
    Have the servers keep the client's packets for *seconds* from now on; return until when.

    Raises:
        NotFound: There is no such client.
        BadInput: It is too long.
        Forbidden: The admin may not read clients and calls.
    """
    _require(admin)
    if not 1 <= seconds <= LONGEST_S:
        raise BadInput(f"seconds: {seconds} is not from 1 to {LONGEST_S}")
    client_id = client_id_of(txn, client)
    until = admin.now + timedelta(seconds=seconds)
    watches.begin_watch(txn, client_id, admin.name, admin.now, until)
    # It is a way to read, so who may read may do it; but it is on record who has looked on.
    audit(txn, admin, [Change(Action.ADDED, "watch", client)], own=True)
    return until


def stop_watching(txn: Cursor, client: str, admin: Admin) -> None:
    """End the watch of a client; its packets can be looked at for some minutes more. Raises as above."""
    _require(admin)
    if watches.end_watch(txn, client_id_of(txn, client), admin.now):
        audit(txn, admin, [Change(Action.ENDED, "watch", client)], own=True)


def watch_of(txn: Cursor, actor: Actor, client: str) -> watches.WatchRow | None:
    """Return the newest watch of a client, None when there was none lately. Raises NotFound, Forbidden."""
    _require(actor)
    return watches.watch_of(txn, client_id_of(txn, client))


def packets(
    txn: Cursor, actor: Actor, client: str, sealer: Sealer, after: str | None = None, limit: int = MOST_SHOWN
) -> list[WatchedPacket]:
    """
    Return the first packets of a client *after* the one of that id, or its newest; oldest first.

    Raises:
        NotFound: There is no such client.
        NotOurSeal: They were sealed with another key.
        Forbidden: The actor may not read clients and calls.
    """
    _require(actor)
    client_id = client_id_of(txn, client)
    rows = watches.packets_of(txn, client_id, after, limit)
    if not rows:
        return []
    speaker = _speaker(txn, client_id, sealer)
    return [_decoded(row, speaker, sealer) for row in rows]


def packet(txn: Cursor, actor: Actor, client: str, sealer: Sealer, packet_id: str) -> WatchedPacket:
    """Return one packet of a client. Raises as :func:`packets`; NotFound also when it is forgotten."""
    _require(actor)
    client_id = client_id_of(txn, client)
    try:
        row = watches.packet_of(txn, client_id, str(UUID(packet_id)))
    except ValueError:
        row = None
    if row is None:
        raise NotFound(f"packet {packet_id[:60]} of {client} is not kept any more; watch the client again")
    return _decoded(row, _speaker(txn, client_id, sealer), sealer)


def packet_document(found: WatchedPacket) -> dict[str, Any]:
    """Return a packet as JSON tells it."""
    return {
        "id": found.id,
        "at": found.at,
        "port": found.port,
        "source": found.source,
        "outcome": found.outcome,
        "reason": found.reason,
        "took_ms": found.took_ms,
        "request": _document(found.request),
        "reply": None if found.reply is None else _document(found.reply),
    }


def _document(decoded: Decoded) -> dict[str, Any]:
    told = as_document(decoded)
    return {name: value for name, value in told.items() if name not in ("where", "from", "to")}


def _require(actor: Actor) -> None:
    actor.require("clients:read")
    actor.require("calls:read")


def _speaker(txn: Cursor, client_id: int, sealer: Sealer) -> Client:
    found = next((each for each in load_clients(txn, sealer).clients if each.id == client_id), None)
    if found is None:
        raise NotFound("the client has no address or certificate any more")
    return found


def _decoded(row: watches.PacketRow, client: Client, sealer: Sealer) -> WatchedPacket:
    decoder = Decoder(client, client.secret, _dictionary(client.dialect), row.at)
    ours, theirs = ("server", 0), (row.host, row.port)
    request = decoder.decode(Sent(row.id, sealer.open(row.request), row.at, theirs, ours))
    reply = None
    if row.reply:
        reply = decoder.decode(Sent(row.id, sealer.open(row.reply), row.at, ours, theirs))
    return WatchedPacket(
        id=row.id,
        at=row.at,
        port=row.port_kind,
        source=f"{row.host}:{row.port}",
        outcome=row.outcome,
        reason=row.reason,
        took_ms=None if row.took_us is None else row.took_us / 1000,
        request=request,
        reply=reply,
    )


@lru_cache(maxsize=32)
def _dictionary(dialect: str) -> Dictionary:
    with as_file(files("dictionaries")) as folder:
        return load_dictionary(folder / f"dictionary.{dialect}")
