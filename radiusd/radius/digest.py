"""SIP digest in RADIUS: read what a proxy passes on, check it, and say what it needs back (RFC 5090)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from radiusd.radius.assigned import Attribute
from radiusd.radius.digest_fields import Encoding, digest_fields, is_hex
from radiusd.radius.packet import Packet, as_text
from radiusd.radius.reply import ReplyAttribute, text


class IncompleteDigest(Exception):
    """
    There is a digest, but not all that is needed to check it; the request is rejected (RFC 5090, 2.2.1).

    *missing* names the attributes.
    """

    def __init__(self, missing: tuple[str, ...]) -> None:
        super().__init__(f"digest without {', '.join(missing)}")
        self.missing = missing


@dataclass(frozen=True, slots=True)
class DigestCredentials:
    """
    What a user's phone sent in its Authorization header.

    Names are text, to be looked up; what only goes into the hash is kept octet by octet.
    *nonce_count* is the number in *nc*, None without a qop.
    """

    encoding: Encoding
    username: str
    realm: str
    method: bytes
    uri: bytes
    nonce: bytes
    response: bytes = field(repr=False)
    qop: str | None = None
    nc: bytes | None = None
    cnonce: bytes | None = None
    algorithm: str = "MD5"
    body_hash: bytes | None = None
    aor: str | None = None

    @property
    def nonce_count(self) -> int | None:
        """The number of times the phone says it has used the nonce."""
        return None if self.nc is None or not is_hex(self.nc, 8) else int(self.nc, 16)


_MANDATORY = {
    Attribute.DIGEST_USERNAME: "Digest-Username",
    Attribute.DIGEST_REALM: "Digest-Realm",
    Attribute.DIGEST_NONCE: "Digest-Nonce",
    Attribute.DIGEST_METHOD: "Digest-Method",
    Attribute.DIGEST_URI: "Digest-URI",
    Attribute.DIGEST_RESPONSE: "Digest-Response",
}
_WITH_QOP = _MANDATORY | {
    Attribute.DIGEST_CNONCE: "Digest-CNonce",
    Attribute.DIGEST_NONCE_COUNT: "Digest-Nonce-Count",
}


def read_digest(packet: Packet) -> DigestCredentials | None:
    """
    Return the digest in the Access-Request *packet*, None when it has none.

    Raises:
        IncompleteDigest: It has a response, but not all that the response was made from.
    """
    found = digest_fields(packet)
    if found is None:
        return None
    encoding, fields = found
    qop = fields.get(Attribute.DIGEST_QOP)
    needed = _WITH_QOP if qop else _MANDATORY
    missing = tuple(name for type, name in needed.items() if not fields.get(type))
    if missing:
        raise IncompleteDigest(missing)
    aor = packet.text(Attribute.SIP_AOR) if encoding is Encoding.RFC_5090 else None
    return DigestCredentials(
        encoding=encoding,
        username=as_text(fields[Attribute.DIGEST_USERNAME]),
        realm=as_text(fields[Attribute.DIGEST_REALM]),
        method=fields[Attribute.DIGEST_METHOD],
        uri=fields[Attribute.DIGEST_URI],
        nonce=fields[Attribute.DIGEST_NONCE],
        response=fields[Attribute.DIGEST_RESPONSE],
        qop=as_text(qop).lower() if qop else None,
        nc=fields.get(Attribute.DIGEST_NONCE_COUNT) if qop else None,
        cnonce=fields.get(Attribute.DIGEST_CNONCE),
        algorithm=as_text(fields.get(Attribute.DIGEST_ALGORITHM) or b"MD5").strip('"').upper(),
        body_hash=fields.get(Attribute.DIGEST_ENTITY_BODY_HASH),
        aor=aor,
    )


def hash_a1(username: str, realm: str, password: str, algorithm: str = "MD5") -> str:
    """
    Return HA1, all that must be stored of a password to check digests of one realm.

    Raises:
        ValueError: *algorithm* is none of MD5, MD5-sess, SHA-256, SHA-256-sess.
    """
    digest = _hash_of(algorithm)
    if digest is None:
        raise ValueError(f"digest algorithm {algorithm!r} is not known; use MD5 or SHA-256")
    return digest(f"{username}:{realm}:{password}".encode()).decode()


def verify(
    credentials: DigestCredentials, realm: str, *, ha1: str | None = None, password: str | None = None
) -> bool:
    """
    Return whether *credentials* were made with the *password*, or the *ha1*, that is stored for *realm*.

    False, too, for a realm that is not ours, for an algorithm or qop that we do not
    know, and for an HA1 of another algorithm.
    """
    if ha1 is None and password is not None and _hash_of(credentials.algorithm) is not None:
        ha1 = hash_a1(credentials.username, credentials.realm, password, credentials.algorithm)
    if ha1 is None or realm != credentials.realm:
        return False
    expected = _response(credentials, ha1, credentials.method)
    return expected is not None and hmac.compare_digest(expected, credentials.response.lower())


def breach_of_rules(packet: Packet, credentials: DigestCredentials, profile: str) -> str | None:
    """
    Return the reason word why RFC 5090 refuses *credentials* whatever their password, None when it does not.

    The profile ``proxy`` is for SIP proxies that send no Message-Authenticator and
    write the user with its realm in User-Name. That signature, where there is one,
    has been checked before.
    """
    strict = profile != "proxy"
    if strict and packet.first(Attribute.MESSAGE_AUTHENTICATOR) is None:  # RFC 5090, 8.2
        return "digest_without_message_authenticator"
    user_name = packet.text(Attribute.USER_NAME)
    names = {credentials.username}
    if not strict:
        names.add(f"{credentials.username}@{credentials.realm}")
    if user_name not in names:  # RFC 5090, 2.2.2
        return "digest_username_differs"
    return None


def response_attributes(credentials: DigestCredentials, ha1: str) -> list[ReplyAttribute]:
    """
    Return what an Access-Accept adds so that the phone can check the server (RFC 5090, 2.2.3).

    That is Digest-Response-Auth. For qop ``auth-int`` it cannot be computed here, and
    the Digest-HA1 that the RFC offers instead is as good as the password, so it is
    never sent. Senders of the older encoding read none of this.
    """
    if credentials.encoding is not Encoding.RFC_5090 or credentials.qop != "auth":
        return []
    proof = _response(credentials, ha1, b"")
    return [] if proof is None else [(Attribute.DIGEST_RESPONSE_AUTH, proof)]


def challenge_attributes(realm: str, nonce: str, *, stale: bool = False) -> list[ReplyAttribute]:
    """
    Return the attributes of an Access-Challenge, State first (RFC 5090, 2.2; RFC 5080, 2.1.1).

    The nonce serves as State: it is new for each challenge, and proves itself.
    """
    attributes = [
        text(Attribute.STATE, nonce),
        text(Attribute.DIGEST_NONCE, nonce),
        text(Attribute.DIGEST_REALM, realm),
        text(Attribute.DIGEST_QOP, "auth"),
        text(Attribute.DIGEST_ALGORITHM, "MD5"),
    ]
    if stale:
        attributes.append(text(Attribute.DIGEST_STALE, "true"))
    return attributes


def _response(credentials: DigestCredentials, ha1: str, method: bytes) -> bytes | None:
    """Return the digest over *method* and the rest of *credentials* in hex, None when it cannot be made."""
    digest = _hash_of(credentials.algorithm)
    a1 = ha1.lower().encode(errors="replace")
    if digest is None or len(a1) != len(digest(b"")):
        return None
    if credentials.algorithm.endswith("-SESS"):
        if not credentials.cnonce:
            return None
        a1 = digest(b":".join((a1, credentials.nonce, credentials.cnonce)))
    a2 = [method, credentials.uri]
    if credentials.qop == "auth-int":
        if not credentials.body_hash:
            return None
        a2.append(credentials.body_hash)
    ha2 = digest(b":".join(a2))
    if credentials.qop is None:  # RFC 2617, 3.2.2.1: as in RFC 2069
        return digest(b":".join((a1, credentials.nonce, ha2)))
    if credentials.qop not in ("auth", "auth-int") or credentials.nc is None or credentials.cnonce is None:
        return None
    qop = credentials.qop.encode()
    return digest(b":".join((a1, credentials.nonce, credentials.nc, credentials.cnonce, qop, ha2)))


def _hash_of(algorithm: str) -> Callable[[bytes], bytes] | None:
    """Return the hash, in hex, of a digest algorithm; None for one that is not known."""
    return {"MD5": _md5, "SHA-256": _sha256}.get(algorithm.upper().removesuffix("-SESS"))


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).hexdigest().encode()


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()
