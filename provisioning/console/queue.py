"""The queue: calls that nobody could be charged for, with the smallest fix, and a button to try again."""

from __future__ import annotations

from contextlib import closing

from provisioning.admin import Action, Change, audit
from provisioning.api.calls import open_journal
from provisioning.call_views import queue_for
from provisioning.console.pages import Go, Outcome, Page, Shown, Visit
from radiusd.errors import NotFound

MOST_SHOWN = 200


def _list(visit: Visit) -> Outcome:
    entries = queue_for(visit.asked.txn, visit.who.actor)
    return Shown("queue.html", {"entries": entries[:MOST_SHOWN], "count": len(entries)})


def _retry(visit: Visit) -> Outcome:
    """Match and rate one call again, or all of them."""
    admin, web = visit.asked.admin, visit.asked.web
    admin.require("calls:write")
    wanted = visit.form.get("call_id", "")
    entries = queue_for(visit.asked.txn, admin)
    chosen = sorted({entry.call_id for entry in entries if wanted in ("all", entry.call_id)})
    if not chosen:
        raise NotFound(f"call {wanted[:60]} is not in the queue")
    audit(visit.asked.txn, admin, [Change(Action.CHANGED, "call", call_id) for call_id in chosen])

    def retry() -> str:
        with closing(open_journal(web)) as journal:
            for call_id in chosen:
                journal.retry(call_id, admin.now)
        left = {entry.call_id for entry in web.database.run_here(lambda txn: queue_for(txn, admin))}
        mended = len(chosen) - len(left & set(chosen))
        return f"{mended} of {len(chosen)} are mended."

    return Go("/queue", after=retry)


PAGES = (
    Page(
        path="/queue",
        title="Queue",
        show=_list,
        act=_retry,
        right="calls:read",
        menu="Queue",
        cli="tollwire queue list",
        json="/queue",
    ),
)
