"""Read the documentation: its pages, their blocks of code, their tables and links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])

_BLOCK = re.compile(r"^```(?P<language>[\w-]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r"<!-- (.+) -->\s*\Z")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """
    A fenced block of a page: its language, its text and the line where it begins.

    *mark* is the HTML comment right before it, which readers do not see and tests do.
    """

    language: str
    text: str
    line: int
    mark: str = ""


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of *page*, in their order."""
    text = page.read_text()
    found = []
    for match in _BLOCK.finditer(text):
        before = text[: match.start()]
        mark = _MARK.search(before)
        found.append(
            Block(
                match["language"], match["text"], before.count("\n") + 1, mark[1] if mark else ""
            )
        )
    return found


def prose(page: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of *page* outside of blocks, with their numbers."""
    fenced = False
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield number, line


def tables(page: Path) -> list[list[list[str]]]:
    """Return the tables of *page*: rows of cells, the titles first."""
    found: list[list[list[str]]] = []
    rows: list[list[str]] | None = None
    for _, line in prose(page):
        if not line.startswith("|"):
            rows = None
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if rows is None:
            rows = []
            found.append(rows)
        if not set("".join(cells)) <= set("-: "):
            rows.append(cells)
    return found


def column(page: str, title: str) -> list[str]:
    """Return the cells under *title* in the first table of the documentation's *page* that has it."""
    for table in tables(DOCS / page):
        if title in table[0]:
            at = table[0].index(title)
            return [row[at] for row in table[1:]]
    raise AssertionError(f"{page} has no table with a column {title}")


def headings(page: Path) -> set[str]:
    """Return the anchors of *page*'s headings, as GitHub makes them."""
    titles = [match[1] for number, line in prose(page) if (match := _HEADING.match(line))]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def links(page: Path) -> Iterator[tuple[int, str]]:
    """Yield the targets of *page*'s links, with their lines."""
    for number, line in prose(page):
        for match in re.finditer(r"\]\(([^)\s]+)\)", line):
            yield number, match[1]


def code(cell: str) -> str:
    """Return the first `code` in *cell*, the empty string when there is none."""
    match = re.search(r"`([^`]+)`", cell)
    return match[1] if match else ""
