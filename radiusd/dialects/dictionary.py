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


@lru_cache(maxsize=64)
def definitions(dialect: str) -> dict[str, Definition]:
    """Return the attributes of *dialect* by name in lower case; the file is read once."""
    dictionary = Dictionary(str(path_of(dialect)))
    return {
        name.lower(): Definition(
            name, dictionary.vendors.GetForward(entry.vendor) if entry.vendor else 0, entry.code, entry.type
        )
        for name, entry in dictionary.attributes.items()
    }
