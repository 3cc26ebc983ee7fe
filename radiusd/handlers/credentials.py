"""What a caller proves: read from an Access-Request by the front, checked where the passwords are."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from radiusd.calls.claims import username_claim
from radiusd.calls.directory import Directory, Service
from radiusd.calls.events import CallEvent
from radiusd.dialects.values import number
from radiusd.radius.assigned import Attribute
from radiusd.radius.clients import Client
from radiusd.radius.digest import (
    DigestCredentials,
    IncompleteDigest,
    breach_of_rules,
    hash_a1,
    read_digest,
    response_attributes,
    verify,
)
from radiusd.radius.packet import Packet, as_text
from radiusd.radius.passwords import Chap, Pap, UnusablePassword, read_password
from radiusd.radius.reply import ReplyAttribute

CALL_CHECK, SIP_CALLER_AVPS, AUTHORIZE_ONLY = 10, 30, 17
"""Service-Types (RFC 2865, 5.6; RFC 5176, 3.2; 30 is what SIP proxies send to ask about a caller)."""


class Proof(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    How an attempt proves its User-Name; exactly one of these, or *refused*, or none (a call check).

    *refused* says why the credentials are not even looked at: a word for the log, never for the reply.
    *once*: the nonce is ours, and a second use of it is a replay.
    """

    pap: Pap | None = None
    chap: Chap | None = None
    digest: DigestCredentials | None = None
    refused: str = ""
    once: bool = False

    @property
    def is_call_check(self) -> bool:
        """Tell whether it asks about a call only, by trunk, address or number."""
        return not self.refused and self.pap is None and self.chap is None and self.digest is None


def read_proof(packet: Packet, client: Client) -> Proof:
    """Return what *packet* proves; every fault is a *refused* proof, so that all of them look alike."""
    service_type = packet.integer(Attribute.SERVICE_TYPE)
    if service_type == AUTHORIZE_ONLY and packet.first(Attribute.STATE) is None:
        return Proof(refused="authorize_only_without_state")  # RFC 5080, 2.1.1
    if packet.first(Attribute.EAP_MESSAGE) is not None:
        return Proof(refused="eap_not_supported")
    try:
        digest = read_digest(packet)
        if digest is not None:
            breach = breach_of_rules(packet, digest, client.digest)
            return Proof(refused=breach) if breach else Proof(digest=digest, once=client.digest == "strict")
        password = read_password(packet, client.secret)
    except IncompleteDigest:
        return Proof(refused="incomplete_digest")  # RFC 5090, 2.2.1
    except UnusablePassword as error:
        return Proof(refused=error.reason)
    if isinstance(password, Pap):
        return Proof(pap=password)
    if isinstance(password, Chap):
        return Proof(chap=password)
    return Proof() if _is_call_check(packet, client, service_type) else Proof(refused="no_credentials")


def _is_call_check(packet: Packet, client: Client, service_type: int | None) -> bool:
    """
    Tell whether *packet* may ask about a call without credentials.

    RFC 5080, 2.1.1 lets only a Call-Check do so. A client may be let off that, but then its packets must be
    signed: a bare Access-Request proves nothing about its sender.
    """
    if client.call_check == "never":
        return False
    if service_type in (CALL_CHECK, SIP_CALLER_AVPS):
        return True
    is_signed = client.transport_signs or packet.first(Attribute.MESSAGE_AUTHENTICATOR) is not None
    return client.call_check == "any" and is_signed


class Checked(msgspec.Struct, frozen=True):
    """What became of a proof; *event* names the user as the service does, *extras* go into the Accept."""

    verified: bool | None
    event: CallEvent
    extras: tuple[ReplyAttribute, ...] = ()


def check(
    proof: Proof, event: CallEvent, directory: Directory, open_sealed: Callable[[bytes], bytes]
) -> Checked:
    """Return whether *proof* shows that the user of *event* knows the password of an active service."""
    if proof.is_call_check:
        return Checked(None, event)
    if proof.refused:
        return Checked(False, event)
    for name in _names(proof, event):
        service, _ = directory.claimed(username_claim(name), event.event_at)
        if service is not None and service.password_sealed:
            stored = open_sealed(service.password_sealed)
            if not _proves(proof, service, stored) or not _may_use_address(proof, service):
                break
            return Checked(
                True, msgspec.structs.replace(event, username=name), _extras(proof, service, stored)
            )
    return Checked(False, event)


def _names(proof: Proof, event: CallEvent) -> Iterator[str]:
    """Yield the names under which a service may know the user, the most specific first."""
    names = [event.username]
    if proof.digest is not None:
        names += [f"{proof.digest.username}@{proof.digest.realm}", proof.digest.username]
    yield from dict.fromkeys(name for name in names if name)


def _proves(proof: Proof, service: Service, stored: bytes) -> bool:
    realm = service.password_realm
    if proof.digest is not None:
        if realm is None:
            return verify(proof.digest, proof.digest.realm, password=as_text(stored))
        return verify(proof.digest, realm, ha1=stored.decode("ascii", "replace"))
    if proof.pap is not None:
        if realm is None:
            return proof.pap.matches(stored)
        # Only the digest's HA1 is kept; the same hash of the password given must come out.
        given = hash_a1(service.username, realm, as_text(proof.pap.password)).encode()
        return Pap(given).matches(stored)
    # CHAP needs the password itself.
    return proof.chap is not None and realm is None and proof.chap.matches(stored)


def _may_use_address(proof: Proof, service: Service) -> bool:
    """Tell whether the SIP-AOR of a strict digest, if any, is the service's own (RFC 5090, 2.2.2)."""
    if proof.digest is None or not proof.digest.aor or not proof.once:
        return True
    user = number(proof.digest.aor)
    host = proof.digest.aor.rpartition("@")[2]
    return not {user, user.removeprefix("+"), f"{user}@{host}"}.isdisjoint(
        {service.username, service.name, proof.digest.username}
    )


def _extras(proof: Proof, service: Service, stored: bytes) -> tuple[ReplyAttribute, ...]:
    if proof.digest is None:
        return ()
    if service.password_realm is None:
        digest = proof.digest
        ha1 = hash_a1(digest.username, digest.realm, as_text(stored), digest.algorithm)
    else:
        ha1 = stored.decode("ascii", "replace")
    return tuple(response_attributes(proof.digest, ha1))
