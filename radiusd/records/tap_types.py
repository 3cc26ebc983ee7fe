"""
The types of a TAP 3.12 batch of voice calls for pyasn1 (GSMA TD.57, module TAP-0312).

They are for encoding, and to check our reading against; files are read by :mod:`radiusd.records.tap_file`.
Each type has an application tag of its own, so that the same numbers serve reading: :data:`NUMBERS`.
"""

from __future__ import annotations

from typing import Any

from pyasn1.type import namedtype, univ

from radiusd.records.asn1_tags import APPLICATION, tagged

NUMBERS: dict[str, int] = {}
"""The application tags by the names of the types, with a small letter as components are written."""


def _named(name: str, number: int, of: Any) -> Any:
    NUMBERS[name] = number
    return tagged(of, number, APPLICATION)


def _integer(name: str, number: int) -> Any:
    return _named(name, number, univ.Integer())


def _string(name: str, number: int) -> Any:
    return _named(name, number, univ.OctetString())  # AsciiString, NumberString, BCDString: all are octets


def _optional(**components: Any) -> namedtype.NamedTypes:
    return namedtype.NamedTypes(*(namedtype.OptionalNamedType(*each) for each in components.items()))


def _group(name: str, number: int, **components: Any) -> Any:
    return _named(name, number, univ.Sequence(componentType=_optional(**components)))


def _list(name: str, number: int, of: Any) -> Any:
    return _named(name, number, univ.SequenceOf(componentType=of))


def _choice(name: str, number: int, **alternatives: Any) -> Any:
    types = namedtype.NamedTypes(*(namedtype.NamedType(*each) for each in alternatives.items()))
    return _named(name, number, univ.Choice(componentType=types))


LOCAL_TIME = _string("localTimeStamp", 16)
OFFSET = _string("utcTimeOffset", 231)
OFFSET_CODE = _integer("utcTimeOffsetCode", 232)
REC_ENTITY_CODE = _integer("recEntityCode", 184)
EXCHANGE_RATE_CODE = _integer("exchangeRateCode", 105)
RAP_SEQUENCE = _string("rapFileSequenceNumber", 181)
SENDER = _string("sender", 196)
RECIPIENT = _string("recipient", 182)
FILE_SEQUENCE = _string("fileSequenceNumber", 109)
SPECIFICATION = _integer("specificationVersionNumber", 201)
RELEASE = _integer("releaseVersionNumber", 189)
FILE_TYPE = _string("fileTypeIndicator", 110)


def _moment(name: str, number: int) -> Any:
    return _group(name, number, localTimeStamp=LOCAL_TIME, utcTimeOffsetCode=OFFSET_CODE)


def _long_moment(name: str, number: int) -> Any:
    return _group(name, number, localTimeStamp=LOCAL_TIME, utcTimeOffset=OFFSET)


CREATED = _long_moment("fileCreationTimeStamp", 108)
CUT_OFF = _long_moment("transferCutOffTimeStamp", 227)
AVAILABLE = _long_moment("fileAvailableTimeStamp", 107)

BATCH_CONTROL = _group(
    "batchControlInfo",
    4,
    sender=SENDER,
    recipient=RECIPIENT,
    fileSequenceNumber=FILE_SEQUENCE,
    fileCreationTimeStamp=CREATED,
    transferCutOffTimeStamp=CUT_OFF,
    fileAvailableTimeStamp=AVAILABLE,
    specificationVersionNumber=SPECIFICATION,
    releaseVersionNumber=RELEASE,
    fileTypeIndicator=FILE_TYPE,
    rapFileSequenceNumber=RAP_SEQUENCE,
)

CURRENCY_CONVERSION = _group(
    "currencyConversion",
    106,
    exchangeRateCode=EXCHANGE_RATE_CODE,
    numberOfDecimalPlaces=_integer("numberOfDecimalPlaces", 159),
    exchangeRate=_integer("exchangeRate", 104),
)

ACCOUNTING = _group(
    "accountingInfo",
    5,
    localCurrency=_string("localCurrency", 135),
    tapCurrency=_string("tapCurrency", 210),
    currencyConversionInfo=_list("currencyConversionInfo", 80, CURRENCY_CONVERSION),
    tapDecimalPlaces=_integer("tapDecimalPlaces", 244),
)

OFFSET_INFO = _group("utcTimeOffsetInfo", 233, utcTimeOffsetCode=OFFSET_CODE, utcTimeOffset=OFFSET)
REC_ENTITY_INFO = _group(
    "recEntityInformation",
    183,
    recEntityCode=REC_ENTITY_CODE,
    recEntityType=_integer("recEntityType", 186),
    recEntityId=_string("recEntityId", 400),
)

NETWORK = _group(
    "networkInfo",
    6,
    utcTimeOffsetInfo=_list("utcTimeOffsetInfoList", 234, OFFSET_INFO),
    recEntityInfo=_list("recEntityInfoList", 188, REC_ENTITY_INFO),
)

SUBSCRIBER = _choice(
    "chargeableSubscriber",
    427,
    simChargeableSubscriber=_group(
        "simChargeableSubscriber", 199, imsi=_string("imsi", 129), msisdn=_string("msisdn", 152)
    ),
    minChargeableSubscriber=_group(
        "minChargeableSubscriber", 254, min=_string("min", 146), mdn=_string("mdn", 253)
    ),
)

DESTINATION = _group(
    "destination",
    89,
    calledNumber=_string("calledNumber", 407),
    dialledDigits=_string("dialledDigits", 279),
    calledPlace=_string("calledPlace", 42),
    calledRegion=_string("calledRegion", 46),
)
ORIGINATOR = _group(
    "callOriginator",
    41,
    callingNumber=_string("callingNumber", 405),
    clirIndicator=_integer("clirIndicator", 75),
)

_CALL = {
    "callEventStartTimeStamp": _moment("callEventStartTimeStamp", 44),
    "totalCallEventDuration": _integer("totalCallEventDuration", 223),
    "simToolkitIndicator": _string("simToolkitIndicator", 200),
    "causeForTerm": _integer("causeForTerm", 58),
}
MO_BASIC = _group(
    "moBasicCallInformation",
    147,
    chargeableSubscriber=SUBSCRIBER,
    rapFileSequenceNumber=RAP_SEQUENCE,
    destination=DESTINATION,
    destinationNetwork=_string("destinationNetwork", 90),
    **_CALL,
)
MT_BASIC = _group(
    "mtBasicCallInformation",
    153,
    chargeableSubscriber=SUBSCRIBER,
    rapFileSequenceNumber=RAP_SEQUENCE,
    callOriginator=ORIGINATOR,
    originatingNetwork=_string("originatingNetwork", 164),
    **_CALL,
)

CHARGE_DETAIL = _group(
    "chargeDetail",
    63,
    chargeType=_string("chargeType", 71),
    charge=_integer("charge", 62),
    chargeableUnits=_integer("chargeableUnits", 65),
    chargedUnits=_integer("chargedUnits", 68),
)
CALL_TYPE = _group(
    "callTypeGroup",
    258,
    callTypeLevel1=_integer("callTypeLevel1", 259),
    callTypeLevel2=_integer("callTypeLevel2", 255),
    callTypeLevel3=_integer("callTypeLevel3", 256),
)
CHARGE_INFORMATION = _group(
    "chargeInformation",
    69,
    chargedItem=_string("chargedItem", 66),
    exchangeRateCode=EXCHANGE_RATE_CODE,
    callTypeGroup=CALL_TYPE,
    chargeDetailList=_list("chargeDetailList", 64, CHARGE_DETAIL),
)
SERVICE_CODE = _choice(
    "basicServiceCode",
    426,
    teleServiceCode=_string("teleServiceCode", 218),
    bearerServiceCode=_string("bearerServiceCode", 40),
)
SERVICE_USED = _group(
    "basicServiceUsed",
    39,
    basicService=_group("basicService", 36, serviceCode=SERVICE_CODE),
    chargingTimeStamp=_moment("chargingTimeStamp", 74),
    chargeInformationList=_list("chargeInformationList", 70, CHARGE_INFORMATION),
)
LOCATION = _group(
    "locationInformation",
    138,
    networkLocation=_group(
        "networkLocation",
        156,
        recEntityCode=REC_ENTITY_CODE,
        callReference=_string("callReference", 45),
    ),
)
_SERVICES = _list("basicServiceUsedList", 38, SERVICE_USED)
MO_CALL = _group(
    "mobileOriginatedCall",
    9,
    basicCallInformation=MO_BASIC,
    locationInformation=LOCATION,
    basicServiceUsedList=_SERVICES,
)
MT_CALL = _group(
    "mobileTerminatedCall",
    10,
    basicCallInformation=MT_BASIC,
    locationInformation=LOCATION,
    basicServiceUsedList=_SERVICES,
)

CALL_EVENT = univ.Choice(
    componentType=namedtype.NamedTypes(
        namedtype.NamedType("mobileOriginatedCall", MO_CALL),
        namedtype.NamedType("mobileTerminatedCall", MT_CALL),
    )
)
CALL_EVENTS = _list("callEventDetails", 3, CALL_EVENT)

AUDIT = _group(
    "auditControlInfo",
    15,
    earliestCallTimeStamp=_long_moment("earliestCallTimeStamp", 101),
    latestCallTimeStamp=_long_moment("latestCallTimeStamp", 133),
    totalCharge=_integer("totalCharge", 415),
    totalTaxValue=_integer("totalTaxValue", 226),
    totalDiscountValue=_integer("totalDiscountValue", 225),
    callEventDetailsCount=_integer("callEventDetailsCount", 43),
)

TRANSFER_BATCH = _group(
    "transferBatch",
    1,
    batchControlInfo=BATCH_CONTROL,
    accountingInfo=ACCOUNTING,
    networkInfo=NETWORK,
    callEventDetails=CALL_EVENTS,
    auditControlInfo=AUDIT,
)

NOTIFICATION = _group(
    "notification",
    2,
    sender=SENDER,
    recipient=RECIPIENT,
    fileSequenceNumber=FILE_SEQUENCE,
    rapFileSequenceNumber=RAP_SEQUENCE,
    fileCreationTimeStamp=CREATED,
    fileAvailableTimeStamp=AVAILABLE,
    transferCutOffTimeStamp=CUT_OFF,
    specificationVersionNumber=SPECIFICATION,
    releaseVersionNumber=RELEASE,
    fileTypeIndicator=FILE_TYPE,
)
