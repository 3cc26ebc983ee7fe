"""Tags on pyasn1's types, as modules with IMPLICIT TAGS put them."""

from __future__ import annotations

from typing import Any

from pyasn1.type import base, namedtype, tag, univ

CONTEXT = tag.tagClassContext
APPLICATION = tag.tagClassApplication


def implicit(of: Any, number: int, group: int = CONTEXT) -> Any:
    """Return the type *of* under the tag *number* in place of its own."""
    form = tag.tagFormatConstructed if isinstance(of, base.ConstructedAsn1Type) else tag.tagFormatSimple
    return of.subtype(implicitTag=tag.Tag(group, form, number))


def tagged(of: Any, number: int, group: int = CONTEXT) -> Any:
    """Return the type *of* under the tag *number*: around it when it is a CHOICE (X.680, 31.2.7)."""
    is_choice = isinstance(of, univ.Choice)
    if is_choice:
        return of.subtype(explicitTag=tag.Tag(group, tag.tagFormatConstructed, number))
    return implicit(of, number, group)


def optional(name: str, of: Any, number: int) -> namedtype.OptionalNamedType:
    """Return an optional component under a context tag."""
    return namedtype.OptionalNamedType(name, tagged(of, number))


def alternative(name: str, of: Any, number: int) -> namedtype.NamedType:
    """Return an alternative of a CHOICE, or a component that must be there, under a context tag."""
    return namedtype.NamedType(name, tagged(of, number))


class Components(dict[str, Any]):
    """
    The components of a SEQUENCE or SET as plain values; those that are not in it are not encoded.

    pyasn1 0.6.5 looks optional components up before it asks whether they are there, and of a value of its own
    it encodes empty every optional SEQUENCE that was never set.
    """

    def __missing__(self, name: str) -> None:
        return None
