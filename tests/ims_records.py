"""Random IMS charging records: made with pyasn1's types, with the form that they have to be read as."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NamedTuple

from hypothesis import strategies as st
from pyasn1.codec.ber import encoder

from radiusd.records.ims_types import NUMBERS, IMSRecord

digits = st.text("0123456789", min_size=3, max_size=15)
hosts = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=20).map("{}.example".format)
moments = st.integers(1_577_836_800, 2_208_988_800).map(lambda epoch_s: datetime.fromtimestamp(epoch_s, UTC))
offsets = st.sampled_from((0, 60, -300, 330, 765, -570)).map(lambda m: timezone(timedelta(minutes=m)))


class Made(NamedTuple):
    """A value for pyasn1, and the normal form that it has."""

    value: Any
    expected: dict[str, Any]

    def __repr__(self) -> str:
        return f"Made({self.expected})"  # pyasn1 writes every type of the value at length

    def encoded(self, *, definite: bool = True, pieces: int = 0) -> bytes:
        """Return the record in BER, with strings in pieces of so many octets."""
        octets: bytes = encoder.encode(self.value, defMode=definite, maxChunkSize=pieces)
        return octets


def time_stamp(at: datetime, zone: timezone) -> bytes:
    """Return a TimeStamp of TS 32.298 in the local time of *zone*."""
    local = at.astimezone(zone)
    ahead = local.utcoffset() // timedelta(minutes=1)
    hours, minutes = divmod(abs(ahead), 60)
    sign = b"+" if ahead >= 0 else b"-"
    return bytes.fromhex(f"{local:%y%m%d%H%M%S}") + sign + bytes.fromhex(f"{hours:02}{minutes:02}")


def utc(at: datetime | None) -> str | None:
    """Return a moment as the normal form has it."""
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}"


@st.composite
def uris(draw: st.DrawFn) -> tuple[str, str, str]:
    """Draw a party: the alternative, the URI, and the number in it."""
    number = draw(digits)
    host = draw(hosts)
    return draw(
        st.sampled_from(
            (
                ("sIP-URI", f"sip:+{number}@{host}", number),
                ("sIP-URI", f"sip:+{number}@{host};user=phone", number),
                ("sIP-URI", f"sips:+{number};npdi@{host}:5061", number),
                ("tEL-URI", f"tel:+{number}", number),
                ("tEL-URI", f"tel:{number};phone-context=+1", number),
                ("tEL-URI", f"tel:+{number[0]}-({number[1:]})", number),
                ("iSDN-E164", number, number),
            )
        )
    )


@st.composite
def ims_records(draw: st.DrawFn) -> Made:
    """Draw a record of any kind, answered or not."""
    name = draw(st.sampled_from(sorted(NUMBERS)))
    value = IMSRecord()
    record = value[name]
    zone = draw(offsets)
    setup = draw(moments)
    answer = setup + timedelta(seconds=draw(st.integers(0, 120))) if draw(st.booleans()) else None
    lasted_s = draw(st.integers(0, 20_000))
    release = (answer or setup) + timedelta(seconds=lasted_s)
    role = draw(st.integers(0, 1))
    session, icid, ioi = draw(digits) + "@" + draw(hosts), "icid-" + draw(digits), draw(hosts)
    sequence = draw(st.integers(0, 2**32 - 1))
    record["recordType"] = NUMBERS[name]
    record["sIP-Method"] = "INVITE"
    record["role-of-Node"] = role
    record["session-Id"] = session
    record["serviceRequestTimeStamp"] = time_stamp(setup, zone)
    record["serviceDeliveryEndTimeStamp"] = time_stamp(release, zone)
    record["localRecordSequenceNumber"] = sequence
    record["causeForRecordClosing"] = 0
    record["iMS-Charging-Identifier"] = icid.encode()
    calling = _parties(draw, record)
    called_as, called_uri, called = draw(uris())
    record["called-Party-Address"][called_as] = called_uri
    node = _node(draw, record)
    operators = record["interOperatorIdentifiers"]
    is_list = name in ("sCSCFRecord", "eCSCFRecord", "tFRecord")
    (operators[0] if is_list else operators)["originatingIOI"] = ioi
    expected = {
        "source": "3gpp-32298-ims",
        "record": name,
        "session_id": session,
        "icid": icid,
        "node": node,
        "role": ("originating", "terminating")[role],
        "calling": calling,
        "called": called,
        "setup": utc(setup),
        "answer": utc(answer),
        "release": utc(release),
        "duration_seconds": lasted_s if answer else 0,
        "duration_ms": lasted_s * 1000 if answer else 0,
        "answered": answer is not None,
        "sequence": sequence,
        "sip_status": None,
        "orig_ioi": ioi,
        "term_ioi": None,
    }
    if answer:
        began_ms, ended_ms = draw(st.integers(0, 999)), draw(st.integers(0, 999))
        record["serviceDeliveryStartTimeStamp"] = time_stamp(answer, zone)
        record["serviceDeliveryStartTimeStampFraction"] = began_ms
        record["serviceDeliveryEndTimeStampFraction"] = ended_ms
        expected["duration_ms"] = max(0, lasted_s * 1000 + ended_ms - began_ms)
    else:
        record["serviceReasonReturnCode"] = expected["sip_status"] = draw(st.sampled_from(("404", "486")))
    if name == "mGCFRecord":
        expected["trunk_out"], expected["isup_cause"] = "TG007", draw(st.integers(1, 127))
        record["trunkGroupID"]["outgoing"] = expected["trunk_out"]
        record["iSUPCause"]["iSUPCauseLocation"] = 0
        record["iSUPCause"]["iSUPCauseValue"] = expected["isup_cause"]
    return Made(value, expected)


def _parties(draw: st.DrawFn, record: Any) -> str:
    """Fill the list of calling parties; return the number of the first."""
    drawn = draw(st.lists(uris(), min_size=1, max_size=2))
    for position, (kind, uri, _) in enumerate(drawn):
        record["list-Of-Calling-Party-Address"][position][kind] = uri
    return drawn[0][2]


def _node(draw: st.DrawFn, record: Any) -> str:
    """Fill the node's address; return it as text."""
    if draw(st.booleans()):
        record["nodeAddress"]["domainName"] = name = draw(hosts)
        return name
    address = draw(st.ip_addresses())
    record["nodeAddress"]["iPAddress"][f"iPBinV{address.version}Address"] = address.packed
    return str(address)
