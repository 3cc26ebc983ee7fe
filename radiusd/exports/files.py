"""A file that is there whole or not at all, and the manifest that says what is in it."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from radiusd.errors import BadInput
from radiusd.exports.values import moment
from radiusd.exports.writers import Written

READ_OCTETS = 1024 * 1024
MANIFEST = ".manifest.json"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a file has to be: it stands beside it, and is written after it."""

    file: str
    octets: int
    sha256: str
    records: int
    export: str = ""
    since: str = ""
    until: str = ""
    made_at: str = ""


class _Hashing:
    """A file that counts and hashes what is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.hash = hashlib.sha256()
        self.octets = 0
        self.closed = False

    def write(self, octets: bytes) -> int:
        """Write and count."""
        self._file.write(octets)
        self.hash.update(octets)
        self.octets += len(octets)
        return len(octets)

    def flush(self) -> None:
        """Pass on what is buffered."""
        self._file.flush()

    def tell(self) -> int:
        """Return how much was written; Parquet asks for it."""
        return self.octets

    def close(self) -> None:
        """Leave the file to its owner."""

    @staticmethod
    def readable() -> bool:
        """Tell that it is only written."""
        return False

    @staticmethod
    def writable() -> bool:
        """Tell that it is only written."""
        return True

    @staticmethod
    def seekable() -> bool:
        """Tell that what is written stays."""
        return False


def write_whole(path: Path, write: Callable[[BinaryIO], Written]) -> tuple[Written, Manifest]:
    """
    Let *write* fill the file *path*, which is there only when all of it is, also after a power cut.

    Raises:
        BadInput: It cannot be written there.
    """
    if path.exists() and not path.is_file():  # a rename would put a file in the place of /dev/null
        raise BadInput(f"{path}: it is no file: choose another name, or leave it out for standard output")
    unfinished = path.with_name(f".{path.name}.part")
    try:
        with unfinished.open("wb") as file:
            hashing = _Hashing(file)
            written = write(cast(BinaryIO, hashing))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}: choose another file or free its disk") from error
    finally:
        unfinished.unlink(missing_ok=True)
    manifest = Manifest(
        file=path.name,
        octets=hashing.octets,
        sha256=hashing.hash.hexdigest(),
        records=written.records,
    )
    return written, manifest


def write_manifest(path: Path, manifest: Manifest) -> Path:
    """Write *manifest* beside the file *path* that it is about, whole or not at all; return its path."""
    where = path.with_name(path.name + MANIFEST)
    text = json.dumps(msgspec.to_builtins(manifest), indent=2) + "\n"
    write_whole(where, lambda out: Written(min(1, out.write(text.encode()))))
    return where


def read_manifest(path: Path) -> Manifest:
    """Return the manifest in *path*. Raises BadInput when it is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: no manifest: {error}") from error


def verify(path: Path) -> Manifest:
    """
    Return the manifest *path* after comparing the file beside it with it.

    Raises:
        BadInput: The file is missing, or is another than the manifest says.
    """
    manifest = read_manifest(path)
    file = path.parent / Path(manifest.file).name
    try:
        octets, digest = file.stat().st_size, sha256_of(file)
    except OSError as error:
        raise BadInput(f"{file}: {error.strerror}") from error
    if octets != manifest.octets:
        raise BadInput(f"{file}: {octets} octets, where its manifest says {manifest.octets}")
    if digest != manifest.sha256:
        raise BadInput(f"{file}: SHA-256 {digest}, where its manifest says {manifest.sha256}")
    return manifest


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while octets := file.read(READ_OCTETS):
            digest.update(octets)
    return digest.hexdigest()


def with_period(manifest: Manifest, export: str, since: datetime, until: datetime, now: datetime) -> Manifest:
    """Return *manifest* with what a scheduled file says besides."""
    return msgspec.structs.replace(
        manifest, export=export, since=moment(since), until=moment(until), made_at=moment(now)
    )


def this_machine() -> str:
    """Return the name of the machine, since a folder is one machine's."""
    return socket.gethostname()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
