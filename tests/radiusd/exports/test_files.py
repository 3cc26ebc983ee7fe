"""Files that are there whole or not at all, and manifests that prove it."""

import hashlib
import os

import pytest

from radiusd.errors import BadInput
from radiusd.exports.files import MANIFEST, verify, write_manifest, write_whole
from radiusd.exports.writers import Written


def test_manifest_says_what_is_in_the_file(tmp_path):
    """
    Its octets, its SHA-256 and the count of its records.
    """
    path = tmp_path / "calls.csv"
    _, manifest = write_whole(path, lambda out: Written(out.write(b"a\nb\n") // 2))
    where = write_manifest(path, manifest)

    assert tmp_path / f"calls.csv{MANIFEST}" == where
    digest = hashlib.sha256(b"a\nb\n").hexdigest()
    assert (4, 2, digest) == (manifest.octets, manifest.records, manifest.sha256)
    assert manifest == verify(where)


def test_a_file_that_fails_is_not_there(tmp_path):
    """
    What was there before stays, and no rest is left beside it.
    """
    path = tmp_path / "calls.csv"
    path.write_text("older")

    def fail(out):
        out.write(b"half")
        raise BadInput("no")

    with pytest.raises(BadInput):
        write_whole(path, fail)
    assert "older" == path.read_text()
    assert [path] == list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_said(tmp_path):
    """
    With the file's name and what the system says.
    """
    with pytest.raises(BadInput, match=r"none/calls.csv: No such file or directory"):
        write_whole(tmp_path / "none" / "calls.csv", lambda out: Written(0))


def test_what_is_no_file_is_not_replaced(tmp_path):
    """
    Renamed over ``/dev/null``, a file would take its place for everybody.
    """
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    with pytest.raises(BadInput, match=r"pipe: it is no file"):
        write_whole(pipe, lambda out: Written(0))
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda path: path.write_bytes(b"a\nc\n"), "SHA-256"),
        (lambda path: path.write_bytes(b"a\n"), "2 octets, where its manifest says 4"),
        (lambda path: path.unlink(), "No such file"),
        (lambda path: path.with_name(path.name + MANIFEST).write_text("{}"), "no manifest"),
    ],
)
def test_verify_finds_what_was_changed(tmp_path, change, words):
    """
    One octet is enough.
    """
    path = tmp_path / "calls.csv"
    _, manifest = write_whole(path, lambda out: Written(out.write(b"a\nb\n") // 2))
    where = write_manifest(path, manifest)
    change(path)

    with pytest.raises(BadInput, match=words):
        verify(where)


def test_manifest_cannot_lead_out_of_its_folder(tmp_path):
    """
    The file is looked for beside the manifest, whatever path it writes.
    """
    path = tmp_path / "calls.csv"
    _, manifest = write_whole(path, lambda out: Written(0))
    where = write_manifest(path, manifest)
    where.write_text(where.read_text().replace("calls.csv", "../../etc/passwd"))

    with pytest.raises(BadInput, match=rf"{tmp_path}/passwd: No such file"):
        verify(where)
