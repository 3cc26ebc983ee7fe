"""Find an attribute's number by the name that a dialect's dictionary gives it."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from pyrad.dictionary import Dictionary

from dictionaries import path_of


class Definition(NamedTuple):
    """What a dictionary says of one attribute; *vendor* is 0 for a plain one."""

    name: str
    vendor: int
    type: int
    datatype: str


_ALSO_CALLED = {
    "sip-source-ip-address": "sip-src-ip",
    "sip-source-port": "sip-src-port",
    "freeswitch-signalbond": "freeswitch-direction",
}
"""Names that other dictionaries in circulation give to what a dialect's own calls otherwise."""


@lru_cache(maxsize=64)
def definitions(dialect: str) -> dict[str, Definition]:
    """
    Return the attributes of *dialect* by name in lower case; the file is read once.

    A name with underscores is there with dashes as well, since both are in circulation.
    """
    dictionary = Dictionary(str(path_of(dialect)))
    found = {
        name.lower(): Definition(
            name, dictionary.vendors.GetForward(entry.vendor) if entry.vendor else 0, entry.code, entry.type
        )
        for name, entry in dictionary.attributes.items()
    }
    for other, name in _ALSO_CALLED.items():
        if name in found:
            found.setdefault(other, found[name])
    return {name.replace("_", "-"): meaning for name, meaning in found.items()} | found
