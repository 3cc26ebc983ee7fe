"""The record of a call for one payer: what every CDR has, whether the call was charged or not."""

from __future__ import annotations

from radiusd.calls.facts import Call
from radiusd.calls.matching import Match
from radiusd.calls.rows import CallRow, Cdr, CdrNote, Charge


def bare_cdr(
    row: CallRow, call: Call, match: Match, account_id: int, role: str, status: str, reason: str
) -> Cdr:
    """Return the CDR of a call without a price: unmatched, refused or lapsed."""
    party = match.party(role)
    return Cdr(
        account_id=account_id,
        started_at=call.begun_at,
        call_id=row.call_id,
        role=role,
        status=status,
        reason=reason,
        client_id=row.client_id,
        service_id=party.service.id if party else None,
        channel_service_id=party.channel.id if party and party.channel else None,
        plan_id=None,
        deck_version_id=None,
        location=party.service.location if party else "",
        calling=call.identity.calling,
        called=call.identity.called,
        remote_ip=call.identity.remote_ip,
        trunk_in=call.identity.trunk,
        trunk_out=call.identity.trunk_out,
        connect_at=call.connect_at,
        ended_at=call.ended_at or call.begun_at,
        duration_ms=call.duration_ms or 0,
        billed_s=0,
        included_s=0,
        total_micros=0,
        currency=party.service.account.currency if party else "XXX",
        prefix="",
        destination="",
        cause=call.cause,
        sip_code=call.sip_code,
        release_side=call.release_side,
        flags=list(call.flags),
        rating={},
        match=match.trace,
    )


def late_note(row: CallRow, call: Call, match: Match, made: Charge) -> CdrNote:
    """Return what a late report adds to a CDR whose charge it does not change."""
    return CdrNote(
        account_id=made.account_id,
        started_at=made.started_at,
        call_id=row.call_id,
        role=made.role,
        remote_ip=call.identity.remote_ip,
        trunk_in=call.identity.trunk,
        trunk_out=call.identity.trunk_out,
        cause=call.cause,
        sip_code=call.sip_code,
        release_side=call.release_side,
        flags=list(call.flags),
        match=match.trace,
    )
