"""Every value of a TOML file is found on its line."""

import tomllib
from pathlib import Path

import pytest

from provisioning.toml_lines import line_index, line_of

ROOT = Path(__file__).parents[2]
TEXT = '''\
# a comment with [brackets] = "and more"
title = "x" # [no.table]
"quoted key".inner = 1

[[account]]
code = """
[not.a.table]
key = 1 \\""" "" """

[[account]]
code = 'C:\\'
list = [
  1, # , ]
  {x = 1, y = [2,
3]}, "]", \'\'\'
]\'\'\', [
]]
at = 2026-11-01T00:00:00Z

[account.sub]
z = {a.b = "}", c = {}}
[plan.retail]
[[plan.retail.bucket]]
minutes = 0.5
'''
EXPECTED = {
    ("title",): 2,
    ("quoted key", "inner"): 3,
    ("account", 0): 5,
    ("account", 0, "code"): 6,
    ("account", 1): 10,
    ("account", 1, "code"): 11,
    ("account", 1, "list"): 12,
    ("account", 1, "list", 0): 13,
    ("account", 1, "list", 1, "y", 0): 14,
    ("account", 1, "list", 1, "y", 1): 15,
    ("account", 1, "list", 2): 15,
    ("account", 1, "list", 3): 15,
    ("account", 1, "list", 4): 16,
    ("account", 1, "at"): 18,
    ("account", 1, "sub"): 20,
    ("account", 1, "sub", "z"): 21,
    ("account", 1, "sub", "z", "a", "b"): 21,
    ("account", 1, "sub", "z", "c"): 21,
    ("plan", "retail"): 22,
    ("plan", "retail", "bucket", 0, "minutes"): 24,
}


def leaves(value: object, path: tuple = ()):
    """Yield the path of every value that holds no other."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list) and value:
        for place, item in enumerate(value):
            yield from leaves(item, (*path, place))
    else:
        yield path


@pytest.mark.parametrize(("path", "line"), EXPECTED.items())
def test_finds_tables_keys_and_elements(path, line):
    """
    Strings over several lines, comments and nesting do not lead astray.
    """
    assert line == line_index(TEXT)[path]


@pytest.mark.parametrize(
    "text", [TEXT, TEXT.replace("\n", "\r\n"), (ROOT / "docs/examples/site.toml").read_text()]
)
def test_finds_everything_that_the_standard_reader_finds(text):
    """
    No value is without a line, whatever the line ends.
    """
    assert set(leaves(tomllib.loads(text))) <= set(line_index(text))


def test_what_is_not_there_stands_where_it_would():
    """
    A missing field is told at its table.
    """
    lines = line_index(TEXT)

    assert 10 == line_of(lines, ("account", 1, "currency"))
    assert 1 == line_of(lines, ("tenant", 0))
