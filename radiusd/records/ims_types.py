"""
The types of IMS charging records for pyasn1 (3GPP TS 32.298, 5.2.3, module IMSChargingDataTypes).

They are for encoding, and to check our reading against; files are read by :mod:`radiusd.records.ims_record`.
Of the fields, those are here that tell of a call. All twelve records have them under the same numbers.
"""

from __future__ import annotations

from pyasn1.type import char, namedtype, univ

from radiusd.records.asn1_tags import alternative, implicit, optional


class IPAddress(univ.Choice):
    """An address, in binary or as text."""

    componentType = namedtype.NamedTypes(
        alternative("iPBinV4Address", univ.OctetString(), 0),
        alternative("iPBinV6Address", univ.OctetString(), 1),
        alternative("iPTextV4Address", char.IA5String(), 2),
        alternative("iPTextV6Address", char.IA5String(), 3),
    )


class NodeAddress(univ.Choice):
    """What wrote the record."""

    componentType = namedtype.NamedTypes(
        alternative("iPAddress", IPAddress(), 0),
        alternative("domainName", char.GraphicString(), 1),
    )


class InvolvedParty(univ.Choice):
    """Who calls, or is called."""

    componentType = namedtype.NamedTypes(
        alternative("sIP-URI", char.GraphicString(), 0),
        alternative("tEL-URI", char.GraphicString(), 1),
        alternative("uRN", char.GraphicString(), 2),
        alternative("iSDN-E164", char.GraphicString(), 3),
        alternative("externalId", char.UTF8String(), 4),
    )


class ListOfInvolvedParties(univ.SequenceOf):
    """Several names of one party, as P-Asserted-Identity has them."""

    componentType = InvolvedParty()


class InterOperatorIdentifiers(univ.Sequence):
    """The networks that the call comes from and goes to."""

    componentType = namedtype.NamedTypes(
        optional("originatingIOI", char.GraphicString(), 0),
        optional("terminatingIOI", char.GraphicString(), 1),
    )


class InterOperatorIdentifierList(univ.SequenceOf):
    """What S-CSCF, E-CSCF and TF have in place of one."""

    componentType = InterOperatorIdentifiers()


class TrunkGroupID(univ.Choice):
    """The circuits on an MGCF's other side."""

    componentType = namedtype.NamedTypes(
        alternative("incoming", char.GraphicString(), 0),
        alternative("outgoing", char.GraphicString(), 1),
    )


class ISUPCause(univ.Sequence):
    """How the circuits' side ended the call (ITU-T Q.850)."""

    componentType = namedtype.NamedTypes(
        optional("iSUPCauseLocation", univ.Integer(), 0),
        optional("iSUPCauseValue", univ.Integer(), 1),
        optional("iSUPCauseDiagnostics", univ.OctetString(), 2),
    )


NUMBERS = {
    "sCSCFRecord": 63,
    "pCSCFRecord": 64,
    "iCSCFRecord": 65,
    "mRFCRecord": 66,
    "mGCFRecord": 67,
    "bGCFRecord": 68,
    "aSRecord": 69,
    "eCSCFRecord": 70,
    "iBCFRecord": 82,
    "tRFRecord": 89,
    "tFRecord": 90,
    "aTCFRecord": 91,
}
"""The alternatives of IMSRecord and their tags, which are also their values of recordType."""

_WITH_OPERATOR_LIST = frozenset({"sCSCFRecord", "eCSCFRecord", "tFRecord"})


def _record(name: str) -> univ.Set:
    """Return the type of the record *name*."""
    operators = InterOperatorIdentifierList if name in _WITH_OPERATOR_LIST else InterOperatorIdentifiers
    fields = [
        alternative("recordType", univ.Integer(), 0),
        optional("retransmission", univ.Null(), 1),
        optional("sIP-Method", char.GraphicString(), 2),
        optional("role-of-Node", univ.Enumerated(), 3),
        optional("nodeAddress", NodeAddress(), 4),
        optional("session-Id", char.GraphicString(), 5),
        optional("list-Of-Calling-Party-Address", ListOfInvolvedParties(), 6),
        optional("called-Party-Address", InvolvedParty(), 7),
        optional("serviceRequestTimeStamp", univ.OctetString(), 9),
        optional("serviceDeliveryStartTimeStamp", univ.OctetString(), 10),
        optional("serviceDeliveryEndTimeStamp", univ.OctetString(), 11),
        optional("recordOpeningTime", univ.OctetString(), 12),
        optional("recordClosureTime", univ.OctetString(), 13),
        optional("interOperatorIdentifiers", operators(), 14),
        optional("localRecordSequenceNumber", univ.Integer(), 15),
        optional("recordSequenceNumber", univ.Integer(), 16),
        optional("causeForRecordClosing", univ.Enumerated(), 17),
        optional("iMS-Charging-Identifier", univ.OctetString(), 19),
        optional("serviceReasonReturnCode", char.UTF8String(), 23),
        optional("serviceContextID", char.UTF8String(), 30),
        optional("numberPortabilityRouting", char.GraphicString(), 34),
        optional("serviceRequestTimeStampFraction", univ.Integer(), 37),
        optional("serviceDeliveryStartTimeStampFraction", univ.Integer(), 38),
        optional("serviceDeliveryEndTimeStampFraction", univ.Integer(), 39),
    ]
    if name == "mGCFRecord":
        fields += [optional("trunkGroupID", TrunkGroupID(), 80), optional("iSUPCause", ISUPCause(), 82)]
    made = type(name, (univ.Set,), {"componentType": namedtype.NamedTypes(*fields)})
    record: univ.Set = made()
    return record


class IMSRecord(univ.Choice):
    """One record of a file."""

    componentType = namedtype.NamedTypes(
        *(namedtype.NamedType(name, implicit(_record(name), number)) for name, number in NUMBERS.items())
    )
