"""CDRs as the reports give them, and as rows, without calls behind them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg2.extensions import cursor as Cursor

from radiusd.storage.reports import CdrRecord

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def a_record(**changes: Any) -> CdrRecord:
    """Return the CDR of an answered call of 61.5 seconds for 0.0183 USD."""
    record = CdrRecord(
        started_at=START,
        account="ACME",
        role="out",
        status="answered",
        reason="",
        service_kind="did",
        service="15550100",
        calling="15550100",
        called="442071838750",
        destination="United Kingdom",
        duration_ms=61_500,
        billed_s=120,
        included_s=0,
        total_micros=18_300,
        currency="USD",
        call_id="019ae5d2-7c1e-7b1a-a3a4-2f6c9f0d1e55",
        client="sbc",
        trunk=None,
        plan="P",
        deck_version_id=1,
        location="",
        prefix="44",
        remote_ip="",
        trunk_in="",
        trunk_out="",
        connect_at=START + timedelta(seconds=4),
        ended_at=START + timedelta(seconds=65.5),
        cause=16,
        sip_code=None,
        release_side="",
        flags=["late"],
        rating='{"call": {"total": "0.0183"}}',
        match="null",
    )
    return record._replace(**changes)


def put_row(
    txn: Cursor, number: int, started_at: datetime = START, account_id: int = 0, **changes: Any
) -> str:
    """Insert the row of the CDR *number*; return its call id."""
    call_id = str(UUID(int=number))
    row = {
        "account_id": account_id,
        "started_at": started_at,
        "call_id": call_id,
        "role": "out",
        "status": "answered",
        "reason": "",
        "client_id": 0,
        "location": "",
        "calling": "15550100",
        "called": f"4420{number}",
        "remote_ip": "",
        "trunk_in": "",
        "trunk_out": "",
        "connect_at": started_at,
        "ended_at": started_at + timedelta(minutes=1),
        "duration_ms": 60_000,
        "billed_s": 60,
        "included_s": 0,
        "total_micros": 0,
        "currency": "USD",
        "prefix": "44",
        "destination": "United Kingdom",
        "release_side": "",
        "flags": [],
        "rating": "{}",
        "match": "null",
        **changes,
    }
    places = ", ".join(["%s"] * len(row))
    txn.execute(f"INSERT INTO cdr ({', '.join(row)}) VALUES ({places})", list(row.values()))
    return call_id
