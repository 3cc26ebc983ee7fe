"""The numbers that IANA assigned to RADIUS: packet codes, and the attributes that this package reads."""

from __future__ import annotations

from enum import IntEnum


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


class Attribute(IntEnum):
    """
    Attribute types that have a meaning to the protocol itself.

    What only a call cares about has its number in the dialect that reads it.
    """

    USER_NAME = 1
    USER_PASSWORD = 2
    CHAP_PASSWORD = 3
    NAS_IP_ADDRESS = 4
    NAS_PORT = 5
    SERVICE_TYPE = 6
    REPLY_MESSAGE = 18
    STATE = 24
    CLASS = 25
    VENDOR_SPECIFIC = 26
    SESSION_TIMEOUT = 27
    TERMINATION_ACTION = 29
    CALLED_STATION_ID = 30
    CALLING_STATION_ID = 31
    NAS_IDENTIFIER = 32
    PROXY_STATE = 33
    ACCT_STATUS_TYPE = 40
    ACCT_DELAY_TIME = 41
    ACCT_SESSION_ID = 44
    ACCT_SESSION_TIME = 46
    ACCT_TERMINATE_CAUSE = 49
    EVENT_TIMESTAMP = 55
    CHAP_CHALLENGE = 60
    NAS_PORT_TYPE = 61
    EAP_MESSAGE = 79
    MESSAGE_AUTHENTICATOR = 80
    NAS_IPV6_ADDRESS = 95
    ERROR_CAUSE = 101
    DIGEST_RESPONSE = 103  # 103 to 122: RFC 5090, section 3
    DIGEST_REALM = 104
    DIGEST_NONCE = 105
    DIGEST_RESPONSE_AUTH = 106
    DIGEST_NEXTNONCE = 107
    DIGEST_METHOD = 108
    DIGEST_URI = 109
    DIGEST_QOP = 110
    DIGEST_ALGORITHM = 111
    DIGEST_ENTITY_BODY_HASH = 112
    DIGEST_CNONCE = 113
    DIGEST_NONCE_COUNT = 114
    DIGEST_USERNAME = 115
    DIGEST_OPAQUE = 116
    DIGEST_STALE = 120
    DIGEST_HA1 = 121
    SIP_AOR = 122
    STERMAN_DIGEST_RESPONSE = 206  # draft-sterman-aaa-sip-00: as libradcli, Sippy and Yate still send it
    STERMAN_DIGEST_ATTRIBUTES = 207


HEADER_OCTETS = 20
AUTHENTICATOR_OCTETS = 16
MAX_PACKET_OCTETS = 4096  # RFC 2865, 3
MAX_VALUE_OCTETS = 253  # what an attribute's one Length octet leaves for its value
MAX_VENDOR_VALUE_OCTETS = 247  # less vendor id, vendor type and vendor length
