"""``tollwire explain CALL``: tell a customer, line by line, why a call was charged or refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from provisioning.cli.framework import Command
from provisioning.cli.options import Format, options_of
from provisioning.cli.output import print_document, print_documents, table_lines
from provisioning.cli.session import database, now
from provisioning.cli.text import cell, printable
from provisioning.explanation import explain as explain_call
from radiusd.errors import NotFound
from radiusd.storage.trails import find_calls

MOST_CALLS = 10


@click.command(
    "explain",
    cls=Command,
    example="tollwire explain 019ae5d2-7c1e-7b1a-a3a4-2f6c9f0d1e55\n"
    "tollwire explain 4711-abcd@10.0.0.7 --json",
)
@click.argument("call", metavar="CALL")
@click.option("--all", "every", is_flag=True, help="Tell all calls of that name, not only the newest.")
@click.pass_context
def explain(ctx: click.Context, call: str, every: bool) -> None:
    """
    Tell why a call was charged or refused: packets, match, price, bucket, postings.

    CALL is our call id, or the sender's: Call-ID, conference id or Acct-Session-Id.
    """
    with database(ctx) as connection, connection.cursor() as txn:
        trails = find_calls(txn, call, MOST_CALLS)
        if not trails:
            raise NotFound(f"CALL: no call is known as {call}; 'tollwire cdr list' shows the ids of calls")
        documents = [explain_call(txn, trail, now()) for trail in (trails if every else trails[:1])]
    if options_of(ctx).format is not Format.TEXT:
        if every:
            print_documents(ctx, documents)
        else:
            print_document(ctx, documents[0])
        return
    for document in documents:
        click.echo("\n".join(tell(document)))
    if len(trails) > len(documents):
        click.echo(f"{len(trails) - 1} older calls have this name too: --all tells them.", err=True)


def tell(document: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of an explanation for people."""
    ended = f", ended {cell(document['ended_at'])}" if document["ended_at"] else ""
    yield printable(f"Call {document['call_id']} of client {document['client']}: {document['state']}")
    yield f"  begun {cell(document['begun_at'])}{ended}"
    if document["refusal"]:
        yield printable(f"  refused: {document['refusal']['reply_message'] or document['refusal']['word']}")
    if document["closed_by_us"]:
        yield f"  closed by us: {document['closed_by_us']}; its Stop has not come"
    yield from _section("What the switch said", document["events"], _EVENT_COLUMNS)
    for live in document["live"]:
        yield from _tell_live(live)
    for payer in document["payers"]:
        yield from _tell_payer(payer)
    yield from _section("Waits in the queue", document["queue"], ("queued_at", "reason", "detail"))
    yield from _section("Told another time", document["times"], _TIME_COLUMNS)
    yield from _section("Asked to end it", document["cuts"], _CUT_COLUMNS)


_EVENT_COLUMNS = ("at", "kind", "leg", "status", "from", "to", "duration_ms", "cause", "source", "flags")
_TIME_COLUMNS = ("asked_at", "reason", "timeout_s", "phase", "outcome", "detail", "answered_at")
_CUT_COLUMNS = ("asked_at", "reason", "phase", "outcome", "detail", "answered_at")
_MATCH_COLUMNS = ("identifier", "value", "outcome")
_SLICE_COLUMNS = ("from_s", "seconds", "band", "bucket", "price", "per", "amount")
_POSTING_COLUMNS = (
    "at",
    "kind",
    "amount",
    "bucket",
    "seconds",
    "bucket_before_s",
    "bucket_after_s",
    "bucket_included_s",
)


def _section(title: str, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> Iterator[str]:
    """Yield a table of the columns that say anything, under its title; nothing when there are no rows."""
    if not rows:
        return
    said = [name for name in columns if any(row.get(name) not in (None, "", []) for row in rows)]
    yield ""
    yield title
    for line in table_lines(said, [tuple(row.get(name) for name in said) for row in rows]):
        yield f"  {line}"


def _tell_live(live: dict[str, Any]) -> Iterator[str]:
    yield ""
    who = f"account {live['account']} ({live['role']})" if live["account"] else "nobody"
    yield printable(f"Up now for {who} by {live['service'] or 'no service'}: {live['state']}")
    if live["trunk"]:
        limit = "no limit" if live["channels_max"] is None else live["channels_max"]
        over = ", over the limit" if live["over_limit"] else ""
        yield printable(f"  on {live['trunk']}, channels in use {live['channels_used']} of {limit}{over}")
    granted = "not bounded" if live["granted_s"] is None else f"{live['granted_s']} s"
    yield f"  granted {granted}; holds until second {live['held_s_until']}: {_amount(live, 'held')}"
    for bucket, seconds in live["held_buckets"].items():
        yield f"  holds {seconds} s of bucket {bucket}"
    yield f"  cost so far {_amount(live, 'cost_so_far')}; looked at again {cell(live['expires_at'])}"
    yield from _section("How it was matched", live["match"], _MATCH_COLUMNS)


def _tell_payer(payer: dict[str, Any]) -> Iterator[str]:
    yield ""
    reason = f", {payer['reason']}" if payer["reason"] else ""
    who = f"account {payer['account']} ({payer['role']})" if payer["account"] else "nobody"
    yield printable(f"For {who} by {payer['service'] or 'no service'}: {payer['status']}{reason}")
    if payer["trunk"]:
        yield printable(f"  on {payer['trunk']}")
    yield from _section("How it was matched", payer["match"], _MATCH_COLUMNS)
    if payer["status"] == "answered":
        yield from _tell_price(payer)
    yield from _section("What was booked", payer["postings"], _POSTING_COLUMNS)


def _tell_price(payer: dict[str, Any]) -> Iterator[str]:
    yield ""
    lasted, billed_s, included_s = payer["duration_ms"], payer["billed_s"], payer["included_s"]
    yield f"Lasted {lasted} ms, billed {billed_s} s, {included_s} s of them included"
    if payer["prefix"]:
        yield printable(
            f"  plan {payer['plan']}, {payer['deck'] or 'no deck'}, prefix {payer['prefix']}:"
            f" {payer['destination']}"
        )
    yield from tell_rating(payer["rating"])
    yield f"  total {_amount(payer, 'total')}; recomputed from the lines above: {cell(payer['recomputed'])}"
    if payer["recomputed"] is not None and payer["recomputed"] != payer["total"]:
        yield "  !! THE LINES ABOVE DO NOT GIVE THE TOTAL: run 'tollwire books check'"


_PARTS = {"call": "The call", "additional": "On top", "outpayment": "Out-payment to the customer"}
_REMARKS = {"free": "free", "jurisdiction": "jurisdiction", "price_of": "price of the"}
_LOOKED_UP = {
    "lrn": "the called number was ported; priced by its LRN",
    "calling_lrn": "the calling number was ported; its LRN tells its state",
    "ii": "the caller's kind of line (ANI II digits)",
}
_EXTRAS = ("surcharge_percent", "min_charge", "max_charge", "payphone_surcharge", "dip_fees")


def tell_rating(rating: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a price: slices with their arithmetic, fees and rounding, and what is to be said."""
    for name, title in _PARTS.items():
        if name in rating:
            yield from _tell_part(title, rating[name])
    for name, words in _REMARKS.items():
        if name in rating:
            yield printable(f"  {words}: {rating[name]}")
    for name, number in rating.get("ported", {}).items():
        yield printable(f"  {_LOOKED_UP[name]}: {number}")


def _tell_part(title: str, part: dict[str, Any]) -> Iterator[str]:
    yield from _section(title, part["slices"], _SLICE_COLUMNS)
    rounding = part["rounding"]
    extras = "".join(f", {name.replace('_', ' ')} {part[name]}" for name in _EXTRAS if name in part)
    scope = {"call": "once"}.get(rounding["scope"], f"each {rounding['scope']}")
    yield (
        f"  connect fee {part['connect_fee']}{extras}; rounded {scope}, to {rounding['decimals']} decimals"
        f" {rounding['mode']}: {part['total']}"
    )


def _amount(fields: dict[str, Any], name: str) -> str:
    return f"{cell(fields[name])} {fields['currency'] or ''}".rstrip()
