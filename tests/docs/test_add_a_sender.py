"""The page on adding a sender: done as it says, in a copy of the code, the new dialect works."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from radiusd.radius.assigned import Attribute, Code
from radiusd.radius.reply import integer, text, vendor_text
from radiusd.radius.request import Request
from tests.docs.pages import DOCS, ROOT, blocks

PAGE = DOCS / "how-to/add-a-sender.md"
COPIED = ("radiusd", "rating", "dictionaries", "provisioning", "tests/vectors", "tests/radiusd/dialects")


def block(language: str) -> str:
    """The one block of *language* on the page."""
    (found,) = [each.text for each in blocks(PAGE) if each.language == language]
    return found


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the code in which the page's four steps are done."""
    for folder in COPIED:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "dictionaries/dictionary.parrot").write_text(block("dictionary"))
    (tmp_path / "radiusd/dialects/parrot.py").write_text(block("python"))
    (tmp_path / "tests/vectors/parrot.txt").write_text(block("vectors"))
    registry = tmp_path / "radiusd/dialects/registry.py"
    imported, entered = block("registry").splitlines()
    before, brace, after = registry.read_text().partition("    {\n")
    registry.write_text(f"{imported}\n".join(_at_imports(before)) + brace + f"{entered}\n" + after)
    return tmp_path


def _at_imports(code: str) -> tuple[str, str]:
    first = code.index("from radiusd.dialects.")
    return code[:first], code[first:]


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python in *folder*, with the code that is there."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )


def test_one_module_one_dictionary_one_vector_file_one_line(copy: Path) -> None:
    """
    The vectors pass, the dictionary loads, settings and replies are those of all dialects.
    """
    names = ("vectors", "registry", "client_settings", "replies")
    files = [f"tests/radiusd/dialects/test_{name}.py" for name in names]
    tried = run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "parrot or every", *files)

    assert 0 == tried.returncode, tried.stdout + tried.stderr
    assert "parrot" in tried.stdout
    assert "5 vectors, 0 failed" in tried.stdout


def test_the_file_of_cases_is_taken(copy: Path) -> None:
    """
    With a real datagram in the place of the dots, what the page expects of it comes out.
    """
    cases = json.loads(block("json"))
    stop = Request(
        Code.ACCOUNTING_REQUEST,
        [
            integer(Attribute.ACCT_STATUS_TYPE, 2),
            text(Attribute.ACCT_SESSION_ID, "2"),
            integer(Attribute.ACCT_SESSION_TIME, 66),
            vendor_text(9, 26, "originate"),
            vendor_text(9, 30, "31"),
        ],
    )
    cases["cases"][0]["packets"][0]["hex"] = stop.sign(1, b"testing123").hex()
    (copy / "my-parrot.json").write_text(json.dumps(cases))

    verified = run(copy, "-m", "provisioning.cli", "radius", "verify", "my-parrot.json")

    assert (0, "1 passed, 0 failed\n") == (verified.returncode, verified.stdout), verified.stderr
