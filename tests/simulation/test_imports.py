"""A file whose import is killed again and again: a small one of :mod:`tests.simulation.imports`."""

from pathlib import Path

import pytest

from tests.simulation.imports import interrupted_import

pytestmark = pytest.mark.postgres


def test_an_import_that_is_killed_again_and_again_books_each_record_once(dsn: str, tmp_path: Path) -> None:
    """
    By SIGKILL wherever it is; what each account has to pay is added up by the test.
    """
    assert [] == interrupted_import(dsn, tmp_path, records=4000, kills=3, seed=1)
