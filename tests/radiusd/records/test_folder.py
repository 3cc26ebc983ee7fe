"""A watched folder: which files are whole, and what becomes of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from radiusd.records.folder import Folder

NOW_S = 1_800_000_000.0
SETTLE_S = 10.0


def write(path: Path, text: str = "a record\n", *, age_s: float = 60.0) -> Path:
    """Write a file that was changed *age_s* ago."""
    path.write_text(text)
    os.utime(path, (NOW_S - age_s, NOW_S - age_s))
    return path


def watched(folder: Path, done: str = "") -> Folder:
    return Folder(folder, "*.csv", SETTLE_S, done)


def test_a_file_of_a_clock_that_is_ahead_settles_by_our_own(tmp_path):
    """
    A PBX whose clock is ahead by a day: its file is taken when we have seen it unchanged for long enough.
    """
    path = write(tmp_path / "a.csv", age_s=-86400)
    folder = watched(tmp_path)

    assert [] == folder.whole(NOW_S)
    assert [] == folder.whole(NOW_S + 5)
    write(path, "a record\nanother\n", age_s=-86400)
    assert [] == folder.whole(NOW_S + 11)
    assert [path] == folder.whole(NOW_S + 21)


def test_what_was_written_during_the_import_is_read_again(tmp_path):
    """
    A file that is left in its place and grows while it is imported is looked at once more.
    """
    path = write(tmp_path / "a.csv")
    folder = watched(tmp_path)
    assert [path] == folder.whole(NOW_S)

    write(path, "a record\nanother\n", age_s=30)
    folder.take(path)

    assert [path] == folder.whole(NOW_S)
    folder.take(path)
    assert [] == folder.whole(NOW_S)


@pytest.mark.parametrize("done", ["mark", "old"])
def test_a_file_that_grew_during_the_import_is_not_moved(tmp_path, done):
    """
    It is moved after what was written to it is in the books, too.
    """
    path = write(tmp_path / "a.csv")
    folder = watched(tmp_path, done)
    folder.whole(NOW_S)

    write(path, "a record\nanother\n", age_s=30)
    folder.take(path)
    assert [path] == folder.whole(NOW_S)
    folder.take(path)

    assert not path.exists()


@pytest.mark.parametrize(
    ("done", "places"),
    [("mark", ["a.csv.imported", "a.csv.2.imported"]), ("old", ["old/a.csv", "old/a.csv.2"])],
)
def test_the_file_of_the_day_before_is_kept(tmp_path, done, places):
    """
    Every day's file has the same name; each is kept.
    """
    folder = watched(tmp_path, done)
    for day in ("monday\n", "tuesday\n"):
        path = write(tmp_path / "a.csv", day)
        assert [path] == folder.whole(NOW_S)
        folder.take(path)

    assert ["monday\n", "tuesday\n"] == [(tmp_path / place).read_text() for place in places]
    assert [] == folder.whole(NOW_S)


def test_a_file_that_may_be_read_now_is_looked_at_again(tmp_path):
    """
    Who lets us read a file changes neither its size nor its time.
    """
    path = write(tmp_path / "a.csv")
    folder = watched(tmp_path)
    folder.whole(NOW_S)
    folder.refuse(path)
    assert [] == folder.whole(NOW_S)

    path.chmod(0o640)

    assert [path] == folder.whole(NOW_S)


def test_a_folder_that_is_gone_is_said(tmp_path):
    """
    Nobody finds out by himself that a folder was not mounted.
    """
    folder = watched(tmp_path / "not mounted")

    with pytest.raises(FileNotFoundError, match="not mounted"):
        folder.whole(NOW_S)
