"""
Write calls as a TAP 3.12 file (GSMA TD.57): a transfer batch, or a notification when there are none.

The batch's lengths and its audit totals are known at its end only, so the calls wait in a temporary file.
"""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime
from typing import BinaryIO

import msgspec
from pyasn1.codec.ber import encoder

from radiusd.errors import BadInput
from radiusd.records import tap_types as types
from radiusd.records.asn1_tags import Components

DECIMALS = 6
"""Our smallest unit of money is 10^-6, and TAP's decimal places go up to 6: no amount is rounded."""

IN_MEMORY_OCTETS = 1024 * 1024
SPECIFICATION, RELEASE = 3, 12

_UTC = b"+0000"
_UTC_CODE = 0
_EXCHANGE_CODE = 0
_ENTITY_CODE = 0
_ENTITY_TYPE = 1  # an MSC, which is what TD.57 has for a switch of calls
_TELEPHONY = b"11"
_DURATION = b"D"
_TOTAL = b"00"
_LONGEST_NUMBER = 18  # digits of an MSISDN


class TapBatch(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says once. *sender* and *recipient* are PLMN codes, *sequence* counts between the two."""

    sender: str
    recipient: str
    sequence: int
    created_at: datetime
    entity: str = "TOLLWIRE"
    is_test: bool = False

    def problems(self) -> list[str]:
        """Return what TD.57 does not allow, a sentence each."""
        found = [
            f"{name} {code!r} is no PLMN code of five letters and digits, like GBRVF"
            for name, code in (("sender", self.sender), ("recipient", self.recipient))
            if len(code) != 5 or not code.isascii() or not code.isalnum()
        ]
        if not 1 <= self.sequence <= 99_999:
            found.append(f"sequence {self.sequence} is not from 1 to 99999")
        return found


class TapCall(msgspec.Struct, frozen=True, kw_only=True):
    """An answered call as TAP tells it. Numbers are digits with or without ``+``."""

    is_terminated: bool  # it came to the subscriber; else the subscriber made it
    calling: str
    called: str
    answered_at: datetime
    duration_s: int
    charged_s: int
    charge_micros: int
    currency: str
    reference: bytes  # up to eight octets that tell it from others


class TapWriter:
    """
    Writes the calls that :meth:`add` is given, in memory that does not grow with them.

    Nothing is in *out* before :meth:`finish`; when the block ends without it, nothing ever is.
    """

    def __init__(self, out: BinaryIO, batch: TapBatch) -> None:
        problems = batch.problems()
        if problems:
            raise BadInput("; ".join(problems))
        self._out = out
        self._batch = batch
        self._calls = tempfile.SpooledTemporaryFile(IN_MEMORY_OCTETS)
        self._count = 0
        self._charge = 0
        self._currency: str | None = None
        self._earliest: datetime | None = None
        self._latest: datetime | None = None

    def __enter__(self) -> TapWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._calls.close()

    def add(self, call: TapCall) -> None:
        """
        Add a call.

        Raises:
            BadInput: TAP cannot say it: a negative charge, or another currency than that of the others.
        """
        if call.charge_micros < 0:
            raise BadInput(f"a charge of {call.charge_micros} micro-units: TAP has no amounts below zero")
        if self._currency not in (None, call.currency):
            raise BadInput(
                f"calls in {self._currency} and in {call.currency}: a TAP file has one currency, "
                "so choose accounts of one"
            )
        self._calls.write(encoder.encode(_call_event(call), asn1Spec=types.CALL_EVENT))
        self._currency = call.currency
        self._count += 1
        self._charge += call.charge_micros
        self._earliest = min(self._earliest or call.answered_at, call.answered_at)
        self._latest = max(self._latest or call.answered_at, call.answered_at)

    def finish(self) -> int:
        """Write the file and return how many calls are in it; a notification when there are none."""
        if not self._count:
            self._out.write(encoder.encode(self._notification(), asn1Spec=types.NOTIFICATION))
            return 0
        before = b"".join(
            encoder.encode(value, asn1Spec=kind)
            for value, kind in (
                (self._control(), types.BATCH_CONTROL),
                (self._accounting(), types.ACCOUNTING),
                (_network(self._batch.entity), types.NETWORK),
            )
        )
        audit = encoder.encode(self._audit(), asn1Spec=types.AUDIT)
        octets = self._calls.tell()
        events = b"\x63" + _length(octets)  # [APPLICATION 3]
        self._out.write(b"\x61" + _length(len(before) + len(events) + octets + len(audit)))  # [APPLICATION 1]
        self._out.write(before + events)
        self._calls.seek(0)
        shutil.copyfileobj(self._calls, self._out)
        self._out.write(audit)
        return self._count

    def _control(self) -> Components:
        batch = self._batch
        made = _long_moment(batch.created_at)
        control = Components(
            sender=batch.sender.encode(),
            recipient=batch.recipient.encode(),
            fileSequenceNumber=f"{batch.sequence:05}".encode(),
            fileCreationTimeStamp=made,
            transferCutOffTimeStamp=made,
            fileAvailableTimeStamp=made,
            specificationVersionNumber=SPECIFICATION,
            releaseVersionNumber=RELEASE,
        )
        if batch.is_test:
            control["fileTypeIndicator"] = b"T"
        return control

    def _notification(self) -> Components:
        return self._control()  # the same components, in its own order

    def _accounting(self) -> Components:
        rate = Components(exchangeRateCode=_EXCHANGE_CODE, numberOfDecimalPlaces=0, exchangeRate=1)
        assert self._currency is not None
        return Components(
            localCurrency=self._currency.encode(),
            tapCurrency=self._currency.encode(),
            currencyConversionInfo=[rate],
            tapDecimalPlaces=DECIMALS,
        )

    def _audit(self) -> Components:
        assert self._earliest is not None and self._latest is not None
        return Components(
            earliestCallTimeStamp=_long_moment(self._earliest),
            latestCallTimeStamp=_long_moment(self._latest),
            totalCharge=self._charge,
            totalTaxValue=0,
            totalDiscountValue=0,
            callEventDetailsCount=self._count,
        )


def _call_event(call: TapCall) -> Components:
    moment = Components(localTimeStamp=_local(call.answered_at), utcTimeOffsetCode=_UTC_CODE)
    basic = Components(callEventStartTimeStamp=moment, totalCallEventDuration=call.duration_s)
    subscriber, other = (call.called, call.calling) if call.is_terminated else (call.calling, call.called)
    msisdn, number = _digits(subscriber), _digits(other)
    sim = Components(msisdn=msisdn) if msisdn else Components()
    basic["chargeableSubscriber"] = Components(simChargeableSubscriber=sim)
    if call.is_terminated:
        basic["callOriginator"] = Components(callingNumber=number) if number else Components()
    elif number:
        basic["destination"] = Components(calledNumber=number, dialledDigits=other.encode()[:64])
    else:
        basic["destination"] = Components(dialledDigits=other.encode("ascii", "replace")[:64])
    location = Components(
        networkLocation=Components(recEntityCode=_ENTITY_CODE, callReference=call.reference[-8:])
    )
    event = Components(
        basicCallInformation=basic, locationInformation=location, basicServiceUsedList=[_service(call)]
    )
    return Components({"mobileTerminatedCall" if call.is_terminated else "mobileOriginatedCall": event})


def _service(call: TapCall) -> Components:
    detail = Components(
        chargeType=_TOTAL,
        charge=call.charge_micros,
        chargeableUnits=call.duration_s,
        chargedUnits=call.charged_s,
    )
    charge = Components(
        chargedItem=_DURATION,
        exchangeRateCode=_EXCHANGE_CODE,
        callTypeGroup=Components(callTypeLevel1=0, callTypeLevel2=0, callTypeLevel3=0),
        chargeDetailList=[detail],
    )
    return Components(
        basicService=Components(serviceCode=Components(teleServiceCode=_TELEPHONY)),
        chargeInformationList=[charge],
    )


def _network(entity: str) -> Components:
    return Components(
        utcTimeOffsetInfo=[Components(utcTimeOffsetCode=_UTC_CODE, utcTimeOffset=_UTC)],
        recEntityInfo=[
            Components(recEntityCode=_ENTITY_CODE, recEntityType=_ENTITY_TYPE, recEntityId=entity.encode())
        ],
    )


def _local(at: datetime) -> bytes:
    return f"{at.astimezone(UTC):%Y%m%d%H%M%S}".encode()


def _long_moment(at: datetime) -> Components:
    return Components(localTimeStamp=_local(at), utcTimeOffset=_UTC)


def _digits(number: str) -> bytes | None:
    """Return a number as a BCDString: the high half of an octet first, F behind an odd number of digits."""
    bare = number.removeprefix("+")
    if not bare.isascii() or not bare.isdecimal() or len(bare) > _LONGEST_NUMBER:
        return None
    return bytes.fromhex(bare + "f" * (len(bare) % 2))


def _length(octets: int) -> bytes:
    """Return a definite length."""
    if octets < 0x80:
        return bytes((octets,))
    written = octets.to_bytes((octets.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(written),)) + written
