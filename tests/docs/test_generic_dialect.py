"""The page of the dialect that is made of settings: its tables are complete, and its example is true."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime

from dictionaries import path_of
from provisioning.captures.decode import Decoder, read_input
from provisioning.cli.radius_decode import lines_of
from radiusd.dialects.mapping import FIELDS, SETTINGS, WORDS
from radiusd.dialects.registry import check_settings
from radiusd.radius.client import load_dictionary
from radiusd.radius.clients import Client
from tests.docs.pages import DOCS, blocks, code, column

PAGE = "reference/dialects/generic.md"
NOW = datetime(2026, 11, 22, 14, 7, 6, tzinfo=UTC)


def block(language: str) -> str:
    """The one block of *language* on the page."""
    (found,) = [each.text for each in blocks(DOCS / PAGE) if each.language == language]
    return found


def test_every_field_has_its_line() -> None:
    """
    The first table names all fields, and the second all settings that are not about one field alone.
    """
    fields = [code(name) for cell in column(PAGE, "Field") for name in cell.split(", ")]
    settings = " ".join(column(PAGE, "Setting"))

    assert sorted(FIELDS) == sorted(fields)
    for setting in SETTINGS:
        if setting.removesuffix("_from") not in FIELDS and setting.removesuffix("_form") not in FIELDS:
            assert f"`{setting}`" in settings
    assert {f"{field}_{word}" for field, words in WORDS.items() for word in words} <= set(SETTINGS)


def test_the_worked_example_comes_out_as_the_page_says() -> None:
    """
    The packet on the page, read by the client on the page, means what the page shows.
    """
    (client,) = tomllib.loads(block("toml"))["client"]
    assert [] == check_settings("generic", client["settings"])
    name, settings = client["name"], client["settings"]
    speaker = Client(id=1, name=name, networks=(), secret=b"x" * 16, dialect="generic", settings=settings)
    names = load_dictionary(path_of("generic"))
    (sent,) = read_input(block("radclient").encode(), names, speaker.secret)

    shown = list(lines_of(Decoder(speaker, speaker.secret, names, NOW).decode(sent)))

    assert [] == [line for line in block("text").splitlines() if line not in shown]
    assert not any("warning" in line for line in shown)
