"""What a TLS peer's certificate says of its owner, in words that a client can be known by (RFC 6614, 2.3)."""

from __future__ import annotations

import re
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

_FINGERPRINT_DIGITS = 64
_AFTER_COMMA = re.compile(r"(?<!\\), +")  # tools write a space there, RFC 4514 does not

Identities = tuple[tuple[str, ...], ...]
"""Groups of identities, the most particular group first."""


def identities_of(certificate: x509.Certificate) -> Identities:
    """
    Return by what the owner of *certificate* can be known: its fingerprint, its names, its issuer.

    Names are those of subjectAltName; a common name is not one (RFC 6614, 2.3; RFC 9525).
    """
    fingerprint = f"sha256:{certificate.fingerprint(SHA256()).hex()}"
    return (fingerprint,), _names(certificate), (f"issuer:{certificate.issuer.rfc4514_string()}",)


def certificate_identity(text: str) -> str:
    """
    Return *text*, one of ``sha256:``, ``dns:``, ``ip:``, ``uri:`` and ``issuer:``, in the form compared.

    Raises:
        ValueError: It is none of these; the message says what is expected.
    """
    kind, _, value = text.strip().partition(":")
    read = _READERS.get(kind.lower())
    value = value.strip()
    if read is None or not value:
        raise ValueError(f"{text!r} is none of sha256:…, dns:…, ip:…, uri:…, issuer:…")
    return f"{kind.lower()}:{read(value)}"


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):  # none, or extensions that cannot be read
        return ()
    return (
        *(f"dns:{name.lower()}" for name in found.get_values_for_type(x509.DNSName)),
        *(f"ip:{address}" for address in found.get_values_for_type(x509.IPAddress)),
        *(f"uri:{uri}" for uri in found.get_values_for_type(x509.UniformResourceIdentifier)),
    )


def _fingerprint(value: str) -> str:
    digits = value.replace(":", "").lower()
    if len(digits) != _FINGERPRINT_DIGITS or any(digit not in "0123456789abcdef" for digit in digits):
        raise ValueError(f"sha256:{value} is not 64 hex digits, as openssl x509 -fingerprint -sha256 shows")
    return digits


def _host(value: str) -> str:
    name = value.lower().rstrip(".")
    if not name.isascii() or not name.replace("-", "").replace(".", "").replace("_", "").isalnum():
        raise ValueError(f"dns:{value} is not a host name in ASCII, such as dns:sbc1.example.net")
    return name


def _address(value: str) -> str:
    try:
        return str(ip_address(value.strip("[]")))
    except ValueError:
        raise ValueError(f"ip:{value} is not an IP address, such as ip:192.0.2.10") from None


def _uri(value: str) -> str:
    if ":" not in value or any(character.isspace() for character in value):
        raise ValueError(f"uri:{value} is not a URI, such as uri:sip:sbc1.example.net")
    return value


def _issuer(value: str) -> str:
    try:
        return x509.Name.from_rfc4514_string(_AFTER_COMMA.sub(",", value)).rfc4514_string()
    except ValueError:
        raise ValueError(
            f"issuer:{value} is not a name as openssl x509 -issuer -nameopt RFC2253 shows,"
            " such as issuer:CN=Switches,O=Example"
        ) from None


_READERS = {"sha256": _fingerprint, "dns": _host, "ip": _address, "uri": _uri, "issuer": _issuer}
