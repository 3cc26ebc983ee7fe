"""Endpoints of a client's packets while somebody watches them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from provisioning import watching
from provisioning.api.endpoints import PAGED, Answer, Asked, Endpoint, Parameter
from provisioning.api.nouns import made
from provisioning.pages import write_cursor
from radiusd.errors import BadInput

FIRST = str(UUID(int=0))  # before all ids
_NAME = Parameter("name", "Its name.", in_path=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchBody:
    """For how many *seconds* from now on."""

    seconds: int = watching.USUAL_S


HELPS = {"seconds": f"For how long from now on, {watching.LONGEST_S} at most."}


def _begin(asked: Asked) -> Answer:
    body = made(WatchBody, asked.body)
    until = watching.watch_client(asked.txn, asked.path["name"], asked.admin, body.seconds)
    return Answer({"client": asked.path["name"], "until": until})


def _end(asked: Asked) -> Answer:
    watching.stop_watching(asked.txn, asked.path["name"], asked.admin)
    return Answer(None, 204)


def _packets(asked: Asked) -> Answer:
    page = asked.page(str)
    try:
        after = str(UUID(page.after_text)) if page.after else FIRST
    except ValueError:
        raise BadInput("cursor: it is none of this list; leave it out to begin anew") from None
    assert page.limit is not None
    name, sealer = asked.path["name"], asked.web.sealer
    found = watching.packets(asked.txn, asked.admin, name, sealer, after, page.limit)
    # There may be more in a moment: who has read them all asks again from the last one on.
    cursor = write_cursor((found[-1].id,)) if found else asked.query.get("cursor") or None
    return Answer({"items": [watching.packet_document(each) for each in found], "next": cursor})


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/clients/{name}/watch",
        tag="clients",
        summary="Have the servers keep the packets of a client for a while.",
        right="clients:read",
        parameters=(_NAME,),
        body=WatchBody,
        helps=HELPS,
        writes=True,
        answer=_begin,
    ),
    Endpoint(
        method="DELETE",
        path="/clients/{name}/watch",
        tag="clients",
        summary="Stop watching the packets of a client.",
        right="clients:read",
        parameters=(_NAME,),
        status=204,
        writes=True,
        answer=_end,
    ),
    Endpoint(
        method="GET",
        path="/clients/{name}/packets",
        tag="clients",
        summary="List the packets of a client that is watched, decoded, oldest first.",
        right="clients:read",
        parameters=(_NAME, *PAGED),
        many=True,
        answer=_packets,
    ),
)
