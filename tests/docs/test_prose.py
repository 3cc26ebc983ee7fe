"""How the pages are written: links that lead somewhere, one sentence a line, words of the glossary."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, PAGES, ROOT, headings, links, prose

WRITTEN_BY_PROGRAMS = {DOCS / "reference/cli.md"}
_NEXT_SENTENCE = re.compile(r"(?<=[.!?]) (?=[A-Z`\[*])")
_NUMBER = re.compile(r"^\s*\d+\. ")
_CODE = re.compile(r"`[^`]*`")


def name(page: Path) -> str:
    """Return the name of a test of a page."""
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    """
    A link within the project names a file that is there, and a heading in it.
    """
    for line, target in links(page):
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        assert found.exists(), f"{name(page)}:{line}: there is no {target}"
        if anchor:
            assert anchor in headings(found), f"{name(page)}:{line}: {name(found)} has no heading #{anchor}"


@pytest.mark.parametrize("page", [page for page in PAGES if page not in WRITTEN_BY_PROGRAMS], ids=name)
def test_a_line_has_one_sentence(page: Path) -> None:
    """
    Outside of tables a line holds one sentence, so that a difference shows the sentence.
    """
    wrong = [
        f"{name(page)}:{number}: {line}"
        for number, line in prose(page)
        if not line.startswith("|") and _NEXT_SENTENCE.search(_CODE.sub("`x`", _NUMBER.sub("", line)))
    ]

    assert [] == wrong


def test_every_page_is_reached_from_the_first_one() -> None:
    """
    Whoever begins at docs/README.md finds all pages.
    """
    seen, waiting = set(), [DOCS / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in seen and page.suffix == ".md" and page.exists():
            seen.add(page)
            waiting += [(page.parent / target.partition("#")[0]).resolve() for _, target in links(page)]

    assert set() == set(DOCS.rglob("*.md")) - seen


def test_the_glossary_is_in_order() -> None:
    """
    A word is found where the alphabet has it, and stands there once.
    """
    words = re.findall(r"^\*\*(.+?)\*\*:", (DOCS / "glossary.md").read_text(), re.MULTILINE)

    assert sorted(words, key=str.lower) == words
    assert len(set(words)) == len(words) > 30


def test_files_that_pages_name_are_there() -> None:
    """
    A path of this project in a page's text is one that exists.
    """
    for page in PAGES:
        for number, line in prose(page):
            for path in re.findall(r"`((?:tests|systemd|bench|docs|rating|radiusd)/[\w./-]*)`", line):
                assert (ROOT / path).exists(), f"{name(page)}:{number}: there is no {path}"
