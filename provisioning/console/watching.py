"""A client's packets as they come in: as the server understands them, and what became of each."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from provisioning.admin import shown
from provisioning.captures.decode import Decoded, event_fields
from provisioning.console.pages import Go, Outcome, Page, Shown, Visit
from provisioning.watching import (
    USUAL_S,
    WatchedPacket,
    packet,
    packets,
    stop_watching,
    watch_client,
    watch_of,
)

MOST_SHOWN = 60


def _watch(visit: Visit) -> Outcome:
    txn, actor, name = visit.asked.txn, visit.who.actor, visit.asked.path["name"]
    watch = watch_of(txn, actor, name)
    found = packets(txn, actor, name, visit.asked.web.sealer, limit=MOST_SHOWN)
    return Shown(
        "watch.html",
        {
            "name": name,
            "watch": watch,
            "is_on": watch is not None and watch.until > visit.asked.now,
            "minutes": USUAL_S // 60,
            "rows": [_Row(each) for each in reversed(found)],
            "most": MOST_SHOWN,
        },
    )


class _Row:
    """A line of the list: a packet with what its event says, in the words of people."""

    def __init__(self, found: WatchedPacket) -> None:
        self.packet = found
        event = found.request.event
        said: dict[str, Any] = {} if event is None else event_fields(event)
        self.kind = shown(said.get("kind"))
        self.calling, self.called = said.get("calling", ""), said.get("called", "")
        self.session = said.get("call_id", "")
        self.duration_ms = said.get("duration_ms")
        self.warnings = len(found.request.warnings)


def _act(visit: Visit) -> Outcome:
    """Begin to watch, or end it."""
    txn, name, admin = visit.asked.txn, visit.asked.path["name"], visit.asked.admin
    where = f"/clients/{quote(name, safe='')}/watch"
    if visit.form.get("do") == "end":
        stop_watching(txn, name, admin)
        return Go(where, "Nobody watches any more.")
    watch_client(txn, name, admin)
    return Go(where)


def _packet(visit: Visit) -> Outcome:
    place, txn = visit.asked.path, visit.asked.txn
    found = packet(txn, visit.who.actor, place["name"], visit.asked.web.sealer, place["packet"])
    parts = [("Request", found.request), *([("Answer", found.reply)] if found.reply else [])]
    return Shown(
        "watched_packet.html",
        {"name": place["name"], "packet": found, "parts": [(title, _part(each)) for title, each in parts]},
    )


def _part(decoded: Decoded) -> dict[str, Any]:
    event = decoded.event
    return {"decoded": decoded, "event": {} if event is None else event_fields(event)}


PAGES = (
    Page(
        path="/clients/{name}/watch",
        title="Watch packets",
        show=_watch,
        act=_act,
        right="clients:read",
        cli="tollwire radius watch {name}",
        json="/clients/{name}/packets",
    ),
    Page(
        path="/clients/{name}/packets/{packet}",
        title="Packet",
        show=_packet,
        right="clients:read",
        cli="tollwire radius watch {name}",
        json="/clients/{name}/packets",
    ),
)
