"""Dialects are found by name, and each has a dictionary that pyrad reads without complaint."""

import logging

import pytest
from pyrad.dictionary import Dictionary

from dictionaries import path_of
from radiusd.dialects.dictionary import definitions
from radiusd.dialects.h323 import CISCO, NAMES
from radiusd.dialects.registry import DIALECTS, check_settings
from radiusd.errors import NotFound
from radiusd.radius.packet import read_packet
from tests.radiusd.dialects.vectors import a_packet


def test_an_unknown_dialect_is_told_with_the_known_ones() -> None:
    """
    The text names what was asked for and what there is.
    """
    known = ", ".join(sorted(DIALECTS))
    with pytest.raises(NotFound, match=f"no dialect 'ciscoo'; the dialects are {known}"):
        DIALECTS["ciscoo"]
    with pytest.raises(NotFound):
        check_settings("ciscoo", {})
    assert DIALECTS.get("ciscoo") is None


@pytest.mark.parametrize("name", DIALECTS)
def test_a_dialect_has_the_name_it_is_found_by(name: str) -> None:
    """
    The name in an event is the name in the settings.
    """
    assert name == DIALECTS[name].name


@pytest.mark.parametrize("name", DIALECTS)
def test_a_dictionary_loads_without_a_warning(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """
    No attribute is skipped, defined twice, or has a value without an attribute.
    """
    with caplog.at_level(logging.DEBUG):
        dictionary = Dictionary(str(path_of(name)))

    assert [] == caplog.records
    assert not dictionary.skipped_attributes
    places = [(entry.vendor, entry.code) for entry in dictionary.attributes.values()]
    assert len(set(places)) == len(places) > 80


@pytest.mark.parametrize("name", DIALECTS)
def test_the_dictionary_names_what_the_reader_knows(name: str) -> None:
    """
    Numbers in the code and numbers in the dictionary are the same.
    """
    known = definitions(name)

    for type, written in NAMES.items():
        assert (CISCO, type) == (known[written].vendor, known[written].type)


def test_what_a_dictionary_writes_our_reader_reads() -> None:
    """
    Vendor and plain attributes keep their place and value.
    """
    packet = a_packet("cisco", ("User-Name", "alice"), ("Cisco-AVPair", "a=b"), ("h323-conf-id", "x"))

    again = read_packet(packet.raw)

    assert b"alice" == again.first(1)
    assert [(9, 1, b"a=b"), (9, 24, b"x")] == again.vendor_attributes()
