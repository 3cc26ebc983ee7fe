"""The conformance page and the tests that it names tell of each other, completely."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "reference" / "radius-conformance.md"
SPANS = (
    (1, 17),
    (20, 38),
    (40, 58),
    (60, 68),
    (70, 78),
    (80, 106),
    (110, 114),
    (120, 134),
    (140, 161),
    (170, 180),
)
ROW = re.compile(r"^\| L(\d{3})(?: to L(\d{3}))? \|.*\| (.+) \|$", re.MULTILINE)
LINK = re.compile(r"\[`(test_\w+)`\]\(\.\./\.\./tests/acceptance/(test_\w+\.py)\)")
NUMBER = re.compile(r"L(\d{3})")


def rows() -> list[tuple[range, str]]:
    """Return the numbers of each row of the page's tables and what its last column says."""
    found = ROW.findall(PAGE.read_text())
    return [(range(int(first), int(last or first) + 1), tests) for first, last, tests in found]


def conformance_tests() -> set[tuple[str, str]]:
    """Return the file and the name of every test that bears a number."""
    return {
        (path.name, node.name)
        for path in HERE.glob("test_conformance_*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_L")
    }


def test_every_number_has_exactly_one_row() -> None:
    """
    Also those that are not served yet.
    """
    listed = Counter(number for numbers, _ in rows() for number in numbers)

    assert {number for first, last in SPANS for number in range(first, last + 1)} == set(listed)
    assert {1} == set(listed.values())


def test_every_test_that_the_page_names_exists() -> None:
    """
    And bears the number of its row.
    """
    existing = conformance_tests()
    for numbers, tests in rows():
        links = LINK.findall(tests)
        assert links or tests.startswith("not yet: "), tests
        for name, file in links:
            assert (file, name) in existing
            assert set(numbers) <= {int(number) for number in NUMBER.findall(name)}


def test_every_numbered_test_is_on_the_page() -> None:
    """
    Nothing is proved in secret.
    """
    named = {(file, name) for _, tests in rows() for name, file in LINK.findall(tests)}

    assert conformance_tests() == named
