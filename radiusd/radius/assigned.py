"""The numbers that IANA assigned to RADIUS: packet codes, and the attributes that this package reads."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Code(IntEnum):
    """
    What a packet is (RFC 2865, 2866, 5176, 5997).
    """

    ACCESS_REQUEST = 1
    ACCESS_ACCEPT = 2
    ACCESS_REJECT = 3
    ACCOUNTING_REQUEST = 4
    ACCOUNTING_RESPONSE = 5
    ACCESS_CHALLENGE = 11
    STATUS_SERVER = 12
    DISCONNECT_REQUEST = 40
    DISCONNECT_ACK = 41
    DISCONNECT_NAK = 42
    COA_REQUEST = 43
    COA_ACK = 44
    COA_NAK = 45


class Attribute:
    """
    Attribute types that have a meaning to the protocol itself.

    What only a call cares about has its number in the dialect that reads it.
    Plain numbers, because a packet needs dozens of them, and in Python 3.11 a
    member of an enum takes five times as long to look up.
    """

    USER_NAME: Final = 1
    USER_PASSWORD: Final = 2
    CHAP_PASSWORD: Final = 3
    NAS_IP_ADDRESS: Final = 4
    NAS_PORT: Final = 5
    SERVICE_TYPE: Final = 6
    REPLY_MESSAGE: Final = 18
    STATE: Final = 24
    CLASS: Final = 25
    VENDOR_SPECIFIC: Final = 26
    SESSION_TIMEOUT: Final = 27
    TERMINATION_ACTION: Final = 29
    CALLED_STATION_ID: Final = 30
    CALLING_STATION_ID: Final = 31
    NAS_IDENTIFIER: Final = 32
    PROXY_STATE: Final = 33
    ACCT_STATUS_TYPE: Final = 40
    ACCT_DELAY_TIME: Final = 41
    ACCT_SESSION_ID: Final = 44
    ACCT_SESSION_TIME: Final = 46
    ACCT_TERMINATE_CAUSE: Final = 49
    EVENT_TIMESTAMP: Final = 55
    CHAP_CHALLENGE: Final = 60
    NAS_PORT_TYPE: Final = 61
    EAP_MESSAGE: Final = 79
    MESSAGE_AUTHENTICATOR: Final = 80
    NAS_IPV6_ADDRESS: Final = 95
    ERROR_CAUSE: Final = 101
    DIGEST_RESPONSE: Final = 103  # 103 to 122: RFC 5090, section 3
    DIGEST_REALM: Final = 104
    DIGEST_NONCE: Final = 105
    DIGEST_RESPONSE_AUTH: Final = 106
    DIGEST_NEXTNONCE: Final = 107
    DIGEST_METHOD: Final = 108
    DIGEST_URI: Final = 109
    DIGEST_QOP: Final = 110
    DIGEST_ALGORITHM: Final = 111
    DIGEST_ENTITY_BODY_HASH: Final = 112
    DIGEST_CNONCE: Final = 113
    DIGEST_NONCE_COUNT: Final = 114
    DIGEST_USERNAME: Final = 115
    DIGEST_OPAQUE: Final = 116
    DIGEST_STALE: Final = 120
    DIGEST_HA1: Final = 121
    SIP_AOR: Final = 122
    OPERATOR_NAME: Final = 126  # RFC 5580, 4.1
    STERMAN_DIGEST_RESPONSE: Final = (
        206  # draft-sterman-aaa-sip-00: as libradcli, Sippy and Yate still send it
    )
    STERMAN_DIGEST_ATTRIBUTES: Final = 207
    EXTENDED_1: Final = 241  # RFC 6929, 3.1: its first octet says which one it is


OPERATOR_NAS_IDENTIFIER = 8  # within Extended-Attribute-1 (RFC 8559, 5)


HEADER_OCTETS = 20
AUTHENTICATOR_OCTETS = 16
MAX_PACKET_OCTETS = 4096  # RFC 2865, 3
MAX_VALUE_OCTETS = 253  # what an attribute's one Length octet leaves for its value
MAX_VENDOR_VALUE_OCTETS = 247  # less vendor id, vendor type and vendor length
