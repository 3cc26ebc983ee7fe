"""Turn an ended call into a charge, a CDR and postings; and take a charge back."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from radiusd.calls import limits, sessions
from radiusd.calls.books import Books
from radiusd.calls.cdrs import bare_cdr
from radiusd.calls.context import Context
from radiusd.calls.events import TOLD_AFTER
from radiusd.calls.facts import Call
from radiusd.calls.matching import Match, Party
from radiusd.calls.pricing import NOTHING, Cost, explained, price
from radiusd.calls.rows import NOBODY, CallRow, Cdr, CdrNote, Charge, Posting, QueueEntry
from radiusd.calls.suppliers import SupplierCost, cost_of
from radiusd.calls.tariffs import Tariff
from radiusd.errors import Refusal

LOSS = "loss"
"""The flag of a call that cost us more than it earned, where a supplier's guard looks."""

OLDEST = timedelta(days=45)
"""An older record under an id that nobody knows may have been billed before: it waits for an admin."""


def charge(
    books: Books,
    row: CallRow,
    call: Call,
    party: Party,
    match: Match,
    context: Context,
    *,
    again: bool = False,
) -> Charge:
    """Book the ended *call* for *party* and return what was booked; *again*: an admin wants it."""
    assert call.ended_at is not None
    answered = bool(call.duration_ms)
    cost = NOTHING
    status, reason, detail = ("answered" if answered else "failed"), call.closed_by, ""
    terms = None
    if call.duration_ms is None:
        status, reason, detail = "unrated", "no_duration", "the Stop names no duration and no Start is known"
    elif answered and not again and _too_old(row, call, context):
        status, reason, detail = (
            "unrated",
            "too_old",
            "older than any call we remember; was it billed before?",
        )
    elif answered:
        terms = context.tariff(party, call, match.called, call.connect_at or call.begun_at)
        if terms.refusal is not None:
            status, reason, detail = "unrated", terms.refusal.word, terms.detail
        else:
            answer_at = call.connect_at or call.begun_at
            told = (call.identity.calling, match.called, call.begun_at, answer_at)
            cost = price(books, party, terms, *told, call.duration_ms or 0)
    made = _charge_of(row, call, party, cost)
    _post(books, row, made, cost, context)
    cdr = bare_cdr(row, call, match, made.account_id, party.role, status, reason)
    _price(cdr, party, cost, terms)
    paid = supplier_cost(call, party, match, made, context)
    if paid is not None:
        made = pay_supplier(books, row, made, paid, context)
        note_cost(cdr, paid)
    books.put_cdr(cdr)
    if status == "unrated":
        _queue(books, row, made, reason, detail, context)
    return made


def signature(call: Call, party: Party) -> str:
    """Return what a charge follows from; the same signature means the same charge."""
    channel = party.channel.id if party.channel else ""
    begun_at, connect_at, ended_at = call.begun_at, call.connect_at, call.ended_at
    answered = "" if connect_at is None else connect_at.isoformat()
    ended = "" if ended_at is None else ended_at.isoformat()
    identity = call.identity
    numbers = f"{identity.calling!r}|{identity.called!r}"
    if identity.lrn or identity.calling_lrn or identity.ii:
        numbers += f"|{identity.lrn}|{identity.calling_lrn}|{identity.ii}"
    who = f"{party.service.id}|{party.plan.id}|{channel}"
    return f"{who}|{begun_at.isoformat()}|{answered}|{ended}|{call.duration_ms}|{call.closed_by}|{numbers}"


def _too_old(row: CallRow, call: Call, context: Context) -> bool:
    if TOLD_AFTER in call.flags:
        return False  # an admin imports records, and each is known by its source
    known_before = row.state not in (sessions.State.NEW.value, sessions.State.ENDED.value)
    return not known_before and context.now - call.begun_at > OLDEST


def _charge_of(row: CallRow, call: Call, party: Party, cost: Cost) -> Charge:
    return Charge(
        account_id=party.service.account.id,
        role=party.role,
        started_at=call.begun_at,
        signature=signature(call, party),
        total_micros=cost.total_micros,
        outpayment_micros=cost.outpayment_micros,
        buckets=cost.buckets,
        service_id=party.service.id,
        channel_service_id=party.channel.id if party.channel else None,
        plan_id=party.plan.id,
        location=party.service.location,
    )


def _post(books: Books, row: CallRow, made: Charge, cost: Cost, context: Context) -> None:
    """Write the postings of a charge: its money with the first bucket's seconds, then the other buckets'."""
    draws = list(made.buckets.items())
    if made.total_micros or draws:
        bucket_id, seconds = draws[0] if draws else (None, 0)
        _line(books, row, made, context, "usage", -made.total_micros, bucket_id, seconds)
        for bucket_id, seconds in draws[1:]:
            _line(books, row, made, context, "usage", 0, bucket_id, seconds)
    if made.outpayment_micros:
        _line(books, row, made, context, "outpayment", made.outpayment_micros, None, 0)
    _owe(books, row, made, made.cost_micros, context)
    limits.note_spent(books, context.directory.accounts.get(made.account_id), made.total_micros, context.now)


def supplier_cost(
    call: Call, party: Party, match: Match, made: Charge, context: Context
) -> SupplierCost | None:
    """Return what the supplier of the call's egress trunk charges us, None when it went to none."""
    carriers = context.directory.carriers
    supplier = carriers.of(context.client.id, call.identity.trunk_out) if party.role == "out" else None
    if supplier is None or not call.duration_ms:
        return None
    return cost_of(
        carriers,
        supplier,
        calling=call.identity.calling,
        called=match.called,
        setup_at=call.begun_at,
        answer_at=call.connect_at or call.begun_at,
        duration_ms=call.duration_ms,
        earned_micros=made.total_micros,
        currency=party.service.account.currency,
    )


def pay_supplier(
    books: Books, row: CallRow, made: Charge, paid: SupplierCost | None, context: Context
) -> Charge:
    """Book what a supplier gets for a call in place of what was booked before; return the charge with it."""
    supplier_id, micros = (paid.supplier_id, paid.micros) if paid else (None, 0)
    if (supplier_id, micros) == (made.supplier_id, made.cost_micros):
        return made
    _owe(books, row, made, -made.cost_micros, context)
    made = msgspec.structs.replace(made, supplier_id=supplier_id, cost_micros=micros)
    _owe(books, row, made, micros, context)
    return made


def note_cost(record: Cdr | CdrNote, paid: SupplierCost | None) -> None:
    """Write cost and margin into a record."""
    if paid is None:
        return
    record.supplier_id, record.cost_micros = paid.supplier_id, paid.micros
    record.margin_micros, record.cost = paid.margin_micros, paid.explained
    if paid.loses and LOSS not in record.flags:
        record.flags = [*record.flags, LOSS]


def _owe(books: Books, row: CallRow, made: Charge, cost_micros: int, context: Context) -> None:
    """Write what is owed to a supplier; it is no money of the account's."""
    if cost_micros:
        _line(books, row, made, context, "cost", 0, None, 0)
        books.postings[-1].supplier_id = made.supplier_id
        books.postings[-1].cost_micros = cost_micros


def post_again(books: Books, row: CallRow, made: Charge, context: Context) -> None:
    """Book a charge that was taken back as it was; its record is the caller's."""
    _post(books, row, made, NOTHING, context)


def reverse(books: Books, row: CallRow, made: Charge, context: Context) -> None:
    """Take a charge back: postings the other way round, and its CDR removed. The lines themselves stay."""
    draws = list(made.buckets.items())
    if made.total_micros or draws:
        bucket_id, seconds = draws[0] if draws else (None, 0)
        _line(books, row, made, context, "reversal", made.total_micros, bucket_id, -seconds)
        for bucket_id, seconds in draws[1:]:
            _line(books, row, made, context, "reversal", 0, bucket_id, -seconds)
    if made.outpayment_micros:
        _line(books, row, made, context, "reversal", -made.outpayment_micros, None, 0)
    _owe(books, row, made, -made.cost_micros, context)
    limits.note_spent(books, context.directory.accounts.get(made.account_id), -made.total_micros, context.now)
    books.remove_cdr(made.account_id, made.started_at, row.call_id, made.role)
    books.mend(made.account_id, row.call_id, made.role)


def _line(
    books: Books,
    row: CallRow,
    made: Charge,
    context: Context,
    kind: str,
    amount_micros: int,
    bucket_id: str | None,
    seconds: int,
) -> None:
    """Write one posting, and carry it to the balance and the bucket that it changes."""
    books.postings.append(
        Posting(
            account_id=made.account_id,
            posted_at=context.now,
            id=context.new_id(),
            kind=kind,
            amount_micros=amount_micros,
            bucket_id=bucket_id,
            seconds=seconds,
            call_id=row.call_id,
            role=made.role,
            started_at=made.started_at,
            service_id=made.service_id,
            location=made.location,
            note="",
        )
    )
    if amount_micros:
        books.balance(made.account_id).balance_micros += amount_micros
    if bucket_id is not None:
        books.bucket(made.account_id, bucket_id).used_s += seconds


def _price(cdr: Cdr, party: Party, cost: Cost, terms: Tariff | None) -> None:
    """Complete a CDR by what the call cost and why."""
    cdr.plan_id = party.plan.id
    cdr.deck_version_id = terms.deck_version_id if terms else None
    cdr.billed_s = cost.rated.billed_s if cost.rated else 0
    cdr.included_s = sum(cost.buckets.values())
    cdr.total_micros = cost.total_micros
    cdr.prefix = cost.rated.prefix if cost.rated else ""
    cdr.destination = cost.destination
    cdr.rating = explained(cost, terms)


def write_unmatched(books: Books, row: CallRow, call: Call, match: Match, context: Context) -> Charge:
    """Keep an ended call that matches nobody: a CDR of account 0, and a place in the queue."""
    assert call.ended_at is not None
    reason = (match.refusal or Refusal.UNKNOWN_CALLER).word
    made = Charge(
        account_id=NOBODY,
        role="none",
        started_at=call.begun_at,
        signature=f"{call.begun_at}|{call.ended_at}|{call.duration_ms}",
    )
    books.put_cdr(bare_cdr(row, call, match, NOBODY, "none", "unmatched", reason))
    detail = "; ".join(f"{name} {value!r}: {outcome}" for name, value, outcome in match.trace if value)
    _queue(books, row, made, reason, detail or "the packets name no user, trunk, address or number", context)
    return made


def _queue(books: Books, row: CallRow, made: Charge, reason: str, detail: str, context: Context) -> None:
    books.queue(
        QueueEntry(
            account_id=made.account_id,
            call_id=row.call_id,
            role=made.role,
            call_key=row.call_key,
            seq=row.seq,
            reason=reason,
            detail=detail,
            queued_at=context.now,
        )
    )
