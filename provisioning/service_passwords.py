"""Keep a device's password as its service says: the digest's HA1, or the password itself, both sealed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from provisioning.admin import MASK, FieldChange
from provisioning.service_kinds import Registered, Service
from radiusd.errors import BadInput

if TYPE_CHECKING:
    from radiusd.storage.secrets import Sealer

Kept = tuple[list[FieldChange], dict[str, object], tuple[str, ...]]


def password_changes(service: Service, current: Service | None, sealed: bytes | None, sealer: Sealer) -> Kept:
    """
    Return what changes of the password, the columns to write, and warnings.

    Raises:
        BadInput: The stored form does not fit the new user name or realm, and no password was given.
    """
    if not isinstance(service, Registered):
        return [], {}, ()
    columns: dict[str, object] = {"password_realm": service.realm}
    if not service.username:
        forgotten = [] if sealed is None else [FieldChange("password", MASK, "")]
        return forgotten, {**columns, "password_sealed": None}, ()
    if service.password is None:
        _require_fit(service, current, sealed)
        warning = f"{service.kind.value} {service.key}: user name {service.username} has no password yet"
        return [], columns, () if sealed is not None else (warning,)
    kept = kept_form(service.username, service.password.octets, service.realm)
    if sealed is not None and sealer.open(sealed) == kept:
        return [], columns, ()
    change = FieldChange("password", "" if sealed is None else MASK, MASK)
    return [change], {**columns, "password_sealed": sealer.seal(kept)}, ()


def kept_form(username: str, password: bytes, realm: str | None) -> bytes:
    """Return what is sealed: the password, or for a *realm* the 32 hex digits of HA1 (RFC 7616, 3.4.2)."""
    if realm is None:
        return password
    a1 = b":".join((username.encode(), realm.encode(), password))
    return hashlib.md5(a1, usedforsecurity=False).hexdigest().encode()


def _require_fit(service: Registered, current: Service | None, sealed: bytes | None) -> None:
    """Refuse to keep an HA1 under a name or realm that it was not made for."""
    if sealed is None or not isinstance(current, Registered):
        return
    before, after = (current.realm, current.username), (service.realm, service.username)
    if before[0] != after[0] or (before != after and current.realm is not None):
        raise BadInput(
            "password: give it again, because what is stored belongs to the old user name and realm"
        )
