"""Kamailio, OpenSER and SER: acc_radius tells of SIP transactions, auth_radius and misc_radius ask."""

from __future__ import annotations

from datetime import datetime

from radiusd.calls.events import CallEvent, Kind, Leg, Status
from radiusd.dialects.dialect import Dialect
from radiusd.dialects.h323 import H323
from radiusd.dialects.reading import Reading
from radiusd.dialects.reply_forms import CREDIT_TIME, SESSION_TIMEOUT, SIP_AVP
from radiusd.dialects.standard import (
    ACCT_SESSION_ID,
    CALLED_STATION_ID,
    CALLING_STATION_ID,
    SERVICE_TYPE,
    USER_NAME,
)
from radiusd.dialects.values import address, identifier, realm_of
from radiusd.errors import UnreadableEvent
from radiusd.radius.assigned import Attribute
from radiusd.radius.clients import Client
from radiusd.radius.packet import Packet

SIP_METHOD = 101
SIP_RESPONSE_CODE = 102
SIP_TO_TAG = 104
SIP_FROM_TAG = 105
SIP_TRANSLATED_REQUEST_URI = 107
SIP_SRC_IP = 108
SIP_URI_USER = 208
SIP_GROUP = 211
SIP_SRC_IP_BESIDE_RFC5090 = 230  # where sites put it whose 108 is Digest-Method

_INVITE, _CANCEL = 1, 2  # bits; whatever names the sites' dictionaries give to them
_CALLER_AVPS = 30  # Service-Type of radius_load_caller_avps
_SCHEMES = ("sip:", "sips:")
_MEDIA_PROXY = b"mediaproxy@default"  # the User-Name of all its reports


class Kamailio(Dialect):
    """
    The dialect of Kamailio and its ancestors.

    Accounting is per SIP transaction: a Start is the 2xx to the INVITE, a Stop is
    the BYE, from whichever side it came. When the callee hangs up, numbers, user,
    address and tags are those of the callee; one packet cannot tell, so they are
    handed on as sent, with the tags by which the call's Start tells the sides
    apart. There is no duration: a call lasts from the one time stamp to the other.
    """

    name = "kamailio"
    named_values = False  # they become AVPs of the script, which wants the bare number
    # Unless told to take over every attribute its modules keep only SIP-AVP, and with it
    # $avp(Session-Timeout) is the same in both modes.
    reply_times = (SESSION_TIMEOUT, CREDIT_TIME, SIP_AVP)

    def read_event(self, packet: Packet, client: Client, received_at: datetime, source: str) -> CallEvent:
        """
        See :meth:`Dialect.read_event`.

        MediaProxy's relays report the media of a call when it is over. The proxy tells of the call itself;
        a relay's word must neither begin one nor let one go on.
        """
        if packet.first(USER_NAME) == _MEDIA_PROXY:
            raise UnreadableEvent("a relay of MediaProxy about a call's media, which its proxy tells of")
        return super().read_event(packet, client, received_at, source)

    def read_call(self, reading: Reading, client: Client) -> CallEvent:
        """See :meth:`Dialect.read_call`."""
        reading.settle_time()
        packet, kind = reading.packet, reading.kind
        attempt = kind is Kind.AUTHORIZE
        # In an Access-Request of an RFC 5090 site 104 and 105 are Digest-Realm and Digest-Nonce.
        from_tag = "" if attempt else identifier(packet.first(SIP_FROM_TAG))
        to_tag = "" if attempt else identifier(packet.first(SIP_TO_TAG))
        call_id = call_id_of(reading)
        username = user_of(reading)
        cancelled = kind is Kind.STOP and packet.integer(SIP_METHOD) == _CANCEL
        return reading.event(
            client,
            call_id=call_id,
            leg_id=dialog_id(call_id, from_tag, to_tag),
            leg=Leg.SINGLE,
            calling=reading.number("calling_from", calling_place(reading)),
            called=reading.number("called_from", called_place(reading, packet.integer(SIP_METHOD))),
            remote_ip=reading.address("remote_ip_from", _source_ip(reading)),
            trunk_in=reading.text("trunk_in_from", reading.attribute(SIP_GROUP)),
            trunk_out=reading.text("trunk_out_from"),
            tenant=reading.text("tenant_from", realm_of(username)),
            username=username,
            connect_at=reading.event_at if kind is Kind.START else None,
            disconnect_at=reading.event_at if kind in (Kind.STOP, Kind.FAILED) else None,
            duration_ms=0 if cancelled else reading.duration_ms(),
            sip_code=None if attempt else sip_code_of(packet, SIP_RESPONSE_CODE),
            status=status_of(kind, cancelled),
            from_tag=from_tag,
            to_tag=to_tag,
        )


def call_id_of(reading: Reading) -> str:
    """Return the SIP Call-ID, which the client library may also put into Cisco-AVPair."""
    call_id = reading.text("call_id_from") or identifier(reading.packet.first(ACCT_SESSION_ID))
    return call_id or H323(reading.packet).pair(b"call-id") or reading.call_class


def dialog_id(call_id: str, from_tag: str, to_tag: str) -> str:
    """Return the id of a SIP dialog, whichever side speaks: the tags are sorted."""
    return ";".join([call_id, *sorted(filter(None, (from_tag, to_tag)))]) if call_id else ""


def user_of(reading: Reading) -> str:
    """Return the user; a trunk is asked for by its address in User-Name, which is no user."""
    username = reading.text("username_from", reading.attribute(USER_NAME))
    if reading.is_set("username_from"):
        return username
    for scheme in _SCHEMES:
        if username.lower().startswith(scheme):
            username = username[len(scheme) :]
    return "" if address(username) else username


def calling_place(reading: Reading) -> int:
    """Return which attribute holds the calling number; auth_radius always sends the From user."""
    if reading.kind is Kind.AUTHORIZE and not reading.packet.first(CALLING_STATION_ID):
        return SIP_URI_USER
    return CALLING_STATION_ID


def called_place(reading: Reading, method: int | None) -> int:
    """Return which attribute holds the dialled number; the Request-URI does in the first INVITE only."""
    if reading.packet.first(CALLED_STATION_ID) or method != _INVITE:
        return CALLED_STATION_ID
    # Later it is a Contact, and a re-INVITE comes as an Interim.
    return SIP_TRANSLATED_REQUEST_URI if reading.kind in (Kind.START, Kind.FAILED) else CALLED_STATION_ID


def _source_ip(reading: Reading) -> bytes | None:
    """Return where the INVITE came from, as the site's usual attributes tell it."""
    packet = reading.packet
    if reading.kind is Kind.AUTHORIZE and _has_rfc5090_digest(packet):
        # 108 is Digest-Method here, and what a phone calls its method is the phone's choice.
        return packet.first(SIP_SRC_IP_BESIDE_RFC5090)
    value = packet.first(SIP_SRC_IP) or packet.first(SIP_SRC_IP_BESIDE_RFC5090)
    asks = reading.kind is Kind.AUTHORIZE and packet.integer(SERVICE_TYPE) == _CALLER_AVPS
    if value is None and asks:
        user = packet.first(USER_NAME)
        return user if address(user) else None
    return value


def _has_rfc5090_digest(packet: Packet) -> bool:
    return (
        packet.first(Attribute.DIGEST_RESPONSE) is not None
        and packet.first(Attribute.DIGEST_USERNAME) is not None
        and packet.first(Attribute.STERMAN_DIGEST_ATTRIBUTES) is None
    )


def sip_code_of(packet: Packet, type: int) -> int | None:
    """Return the final SIP response in attribute *type*."""
    code = packet.integer(type)
    return code if code is not None and 100 <= code <= 699 else None


def status_of(kind: Kind, cancelled: bool) -> Status | None:
    """Return how far a call had come: what is told of before the answer has failed."""
    if kind is Kind.AUTHORIZE:
        return None
    return Status.FAILED if cancelled or kind is Kind.FAILED else Status.ANSWERED
