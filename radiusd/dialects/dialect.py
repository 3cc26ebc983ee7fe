"""What a dialect is: the way one kind of switch tells of calls, and what it understands in answers."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import ClassVar

import msgspec

from radiusd.calls.events import STATUS_TYPES, CallEvent, Kind
from radiusd.dialects import disconnects, replies
from radiusd.dialects.client_settings import DEFAULTS, ClientSettings, read_settings
from radiusd.dialects.dictionary import definitions
from radiusd.dialects.h323 import CISCO
from radiusd.dialects.reading import Reading
from radiusd.dialects.replies import Profile
from radiusd.dialects.reply_forms import CREDIT_TIME, SESSION_TIMEOUT
from radiusd.dialects.standard import ACCT_STATUS_TYPE
from radiusd.errors import Refusal, UnreadableEvent
from radiusd.radius.assigned import Attribute
from radiusd.radius.clients import Client
from radiusd.radius.digest_fields import digest_fields
from radiusd.radius.packet import Packet
from radiusd.radius.reply import ReplyAttribute

_RESTARTS = (Kind.ACCOUNTING_ON, Kind.ACCOUNTING_OFF)


class Dialect(ABC):
    """
    Reads the requests of one kind of switch, and writes what it reads in replies.

    A dialect holds no state: what one packet says never changes what the next one means.
    """

    name: ClassVar[str]
    named_values: ClassVar[bool] = True  # h323 values in replies carry their name, as Cisco's do
    reply_times: ClassVar[tuple[str, ...]] = (SESSION_TIMEOUT, CREDIT_TIME)  # forms of a call's time
    disconnect_by: ClassVar[tuple[str, ...]] = (disconnects.SESSION_ID,)  # what it knows its calls by
    vendor: ClassVar[int] = 0  # whose attributes it speaks in, unless the client's vendor_id names another

    def read_event(self, packet: Packet, client: Client, received_at: datetime, source: str) -> CallEvent:
        """
        Return what the Accounting-Request *packet* tells.

        Args:
            received_at: When it arrived, in UTC.
            source: Where it came from, for the explanation of the call.

        Raises:
            UnreadableEvent: It has no Acct-Status-Type that tells of a call, or names no
                call and is not the whole record of one.
        """
        status_type = packet.integer(ACCT_STATUS_TYPE)
        kind = STATUS_TYPES.get(-1 if status_type is None else status_type)
        if kind is None:
            raise UnreadableEvent(_why_no_kind(packet, status_type))
        reading = Reading(packet, kind, self.settings_of(client), received_at, source)
        if kind in _RESTARTS:
            reading.settle_time()
            return reading.event(client)
        event = _with_routing_numbers(self.read_call(reading, client), reading)
        if not event.call_id and not _stands_alone(event):
            raise UnreadableEvent(
                "no Acct-Session-Id, or an empty one, so nothing says which call it is about (RFC 2866, 5.5)"
            )
        return event

    def read_attempt(self, packet: Packet, client: Client, received_at: datetime, source: str) -> CallEvent:
        """
        Return the call that the Access-Request *packet* asks for.

        The arguments are those of :meth:`read_event`. Whether there is enough in
        it to authorize a call is not judged here. *call_id* is empty when the
        packet names no call, *called* when it asks about a registration or another
        SIP request that calls nobody.
        """
        reading = Reading(packet, Kind.AUTHORIZE, self.settings_of(client), received_at, source)
        event = _with_routing_numbers(self.read_call(reading, client), reading)
        if event.called and _asks_about_no_call(packet):
            return msgspec.structs.replace(event, called="")
        return event

    def asks_for_address(self, packet: Packet, password: bytes) -> bool:
        """
        Tell whether *password* in an Access-Request stands for none: it asks for a trunk by its address.

        Some senders must put something into User-Password. That it decrypts to what they always send shows
        that the sender knows the client's secret, and nothing about a user.
        """
        return False

    @abstractmethod
    def read_call(self, reading: Reading, client: Client) -> CallEvent:
        """Return the event or attempt of *client* that stands in *reading*."""

    def accept_attributes(
        self, session_timeout_s: int | None, call_class: bytes, client: Client
    ) -> list[ReplyAttribute]:
        """
        Return what an Access-Accept to *client* carries, the most important first.

        Args:
            session_timeout_s: The seconds the call may last; None sets no limit.
            call_class: The value of Class, see :func:`~radiusd.dialects.call_class.class_of`.

        Raises:
            ValueError: *session_timeout_s* is 0 or negative.
        """
        return replies.accept(session_timeout_s, call_class, self.reply_profile(client))

    def reject_attributes(self, refusal: Refusal, client: Client) -> list[ReplyAttribute]:
        """Return what an Access-Reject to *client* carries: the reason for people and for gateways."""
        return replies.reject(refusal, self.reply_profile(client))

    def sip_code_of(self, refusal: Refusal, client: Client) -> int:
        """Return by which SIP code *refusal* is told to *client*."""
        return replies.sip_code(refusal, self.reply_profile(client))

    def reply_profile(self, client: Client) -> Profile:
        """Return how *client* reads replies: as the dialect does, but for what its settings say."""
        settings = self.settings_of(client)
        return Profile(
            times=settings.reply_time or self.reply_times,
            named=self.named_values if settings.reply_named is None else settings.reply_named,
            vendor=settings.reply_vendor or self.vendor_of_replies(client),
            table=client.return_codes,
            codes=settings.return_codes,
            routing_to=settings.routing_to,
            sip_codes=settings.sip_codes,
        )

    def session_attributes(self, event: CallEvent, client: Client) -> list[ReplyAttribute]:
        """
        Return what *client* knows the call of *event* by: what a Disconnect- or CoA-Request names it with.

        The client's setting ``disconnect_by`` names other attributes than :attr:`disconnect_by`.
        """
        names = self.settings_of(client).disconnect_by or self.disconnect_by
        if client.is_proxy:
            names = (*names, *disconnects.NAS)
        profile = self.reply_profile(client)
        return disconnects.names_of(event, names, profile.vendor, named=profile.named)

    def time_attributes(self, timeout_s: int, elapsed_s: int, client: Client) -> list[ReplyAttribute]:
        """
        Return what a CoA-Request holds that lets a call last for *timeout_s* from its answer.

        *elapsed_s* have gone by. The client's setting ``coa_time`` says from where it counts; one whose time
        is over is given a second, for to many switches 0 means "no limit".
        """
        whole = self.settings_of(client).coa_whole
        time_s = timeout_s if whole else timeout_s - elapsed_s
        return replies.change(max(1, time_s), self.reply_profile(client))

    def end_attributes(self, elapsed_s: int, client: Client) -> list[ReplyAttribute]:
        """Return what a CoA-Request holds that ends a call, of which *elapsed_s* have gone by."""
        own = self.settings_of(client).coa_end
        return list(own) or self.time_attributes(elapsed_s, elapsed_s, client)

    def vendor_of_replies(self, client: Client) -> int:
        """Return under which vendor's number *client* looks for h323-credit-time and h323-return-code."""
        return CISCO

    def vendor_of(self, settings: ClientSettings) -> int:
        """Return under which vendor's number a client with *settings* sends the dialect's own attributes."""
        return settings.vendor or self.vendor

    def settings_of(self, client: Client) -> ClientSettings:
        """Return what *client*'s settings mean; what is wrong in them is as if it were not set."""
        if not client.settings:
            return DEFAULTS
        return _settings(self.name, tuple(client.settings.items()), self.vendor)

    def check_settings(self, settings: Mapping[str, str]) -> list[str]:
        """Return what is wrong with a client's *settings*, a sentence each."""
        return read_settings(settings, definitions(self.name), self.vendor)[1]


_NO_CALLS = frozenset({b"REGISTER", b"SUBSCRIBE", b"PUBLISH", b"MESSAGE", b"NOTIFY", b"OPTIONS"})


def _asks_about_no_call(packet: Packet) -> bool:
    """Tell whether a digest was made for a SIP request that sets no call up."""
    found = digest_fields(packet)
    return found is not None and found[1].get(Attribute.DIGEST_METHOD, b"").upper() in _NO_CALLS


@lru_cache(maxsize=4096)
def _settings(dialect: str, written: tuple[tuple[str, str], ...], own_vendor: int) -> ClientSettings:
    return read_settings(dict(written), definitions(dialect), own_vendor)[0]


def _stands_alone(event: CallEvent) -> bool:
    """
    Tell whether *event* can be booked although its sender gave it no id.

    A Stop that says who, how long and when is a whole record. Without the
    sender's own time the same record, sent again, would look like another one.
    """
    has_number = bool(event.calling or event.called)
    return event.kind is Kind.STOP and bool(event.duration_ms) and event.event_at_known and has_number


def _with_routing_numbers(event: CallEvent, reading: Reading) -> CallEvent:
    """Return *event* with where its numbers were ported to, if the client's settings say where it stands."""
    if not reading.settings.tells_routing:
        return event
    return msgspec.structs.replace(
        event,
        lrn=_routing_number(reading.text("lrn_from")),
        calling_lrn=_routing_number(reading.text("calling_lrn_from")),
        ii=reading.text("ii_from"),
    )


_ROUTING_NUMBER = re.compile(r";rn=([^;@>]*)", re.IGNORECASE)


def _routing_number(text: str) -> str:
    """Return the digits of an LRN, which may be the parameter ``rn`` of a number or URI (RFC 4694, 3)."""
    if found := _ROUTING_NUMBER.search(text):
        text = found[1]
    digits = text.removeprefix("+").replace("-", "")
    return digits if digits.isascii() and digits.isdigit() else ""


def _why_no_kind(packet: Packet, status_type: int | None) -> str:
    if status_type is not None:
        return f"Acct-Status-Type {status_type} does not tell of a call"
    value = packet.first(ACCT_STATUS_TYPE)
    if value is None:
        return "no Acct-Status-Type (RFC 2866, 5.1)"
    return f"Acct-Status-Type has {len(value)} octets instead of 4 (RFC 2866, 5.1)"
