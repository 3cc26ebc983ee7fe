"""The page of the call records, compared with the formats that there are."""

from __future__ import annotations

from radiusd.records.registry import FORMATS
from tests.docs.pages import DOCS, code, column, tables

PAGE = "reference/call-records.md"
ASN1 = ("3gpp-", "gsma-", "tap-")


def test_every_format_and_setting_has_its_line() -> None:
    """
    The page names all text formats and their settings, and no others.
    """
    text_formats = {name for name in FORMATS if not name.startswith(ASN1)}
    (settings,) = (rows[1:] for rows in tables(DOCS / PAGE) if "Setting" in rows[0])

    assert text_formats == set(map(code, column(PAGE, "Format")))
    assert {(name, setting) for name in text_formats for setting in FORMATS[name].settings} == {
        (code(name), code(setting)) for name, setting, _ in settings
    }
