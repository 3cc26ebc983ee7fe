"""The demo's folder: its secret, configuration and database; made at the first start, kept for the next."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import IO

from radiusd.errors import Conflict

LOOPBACK = "127.0.0.1"
USUAL_PORTS = (1812, 1813)  # RFC 2865, 3, and RFC 2866, 3
TITLE = "# Made by `tollwire demo`, and made anew each time it starts."


@dataclass(frozen=True, slots=True)
class Home:
    """The folder at *path*, which this process has to itself, and what a switch must know to ask."""

    path: Path
    secret: str
    auth_port: int
    acct_port: int
    lock: IO[str]

    @property
    def config(self) -> Path:
        """The configuration file of the demo's server."""
        return self.path / "tollwire.toml"

    @property
    def site(self) -> Path:
        """The site file that the demo applies."""
        return self.path / "site.toml"

    @property
    def database(self) -> Path:
        """The home of the demo's embedded PostgreSQL."""
        return self.path / "database"

    @property
    def log(self) -> Path:
        """What the demo's server writes."""
        return self.path / "server.log"

    @property
    def secret_file(self) -> Path:
        """The shared secret of the demo's switch, for ``tollwire radius test``."""
        return self.path / "secret"


def open_home(path: Path, *, reset: bool, usual_ports: bool) -> Home:
    """
    Return the demo's home at *path*, made when there is none; with *reset*, made anew.

    With *usual_ports* the server gets 1812 and 1813 when they are free, else any two that are.

    Raises:
        Conflict: Another demo runs there, or the folder holds something else.
    """
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    _require_ours(path)
    lock = _lock(path)
    if reset:
        _empty(path)
    secret = _secret(path / "secret")
    auth_port, acct_port = _free_ports(USUAL_PORTS if usual_ports else None)
    home = Home(path, secret, auth_port, acct_port, lock)
    home.config.write_text(_config(home))
    package = files("provisioning.demo")
    (path / "rates.csv").write_text((package / "rates.csv").read_text())
    _write_private(home.site, (package / "site.toml").read_text().replace("{secret}", secret))
    return home


def _require_ours(path: Path) -> None:
    config = path / "tollwire.toml"
    ours = config.exists() and config.read_text(errors="replace").startswith(TITLE)
    if not ours and any(entry.name != "demo.lock" for entry in path.iterdir()):
        raise Conflict(f"--home: {path} holds something else than a demo; name a new or an empty folder")


def _lock(path: Path) -> IO[str]:
    lock = (path / "demo.lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise Conflict(
            f"a demo runs in {path} already: end it with Ctrl-C, or name another --home"
        ) from error
    return lock


def _empty(path: Path) -> None:
    """Remove what the demo made; the lock stays, since we hold it."""
    for entry in path.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != "demo.lock":
            entry.unlink()


def _secret(path: Path) -> str:
    if not path.exists():
        _write_private(path, secrets.token_urlsafe(24) + "\n")
    return path.read_text().strip()


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)  # an older file might be open to others
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _free_ports(wanted: tuple[int, int] | None) -> tuple[int, int]:
    """Return *wanted* if both can be bound, else two that the kernel chooses."""
    for ports in (wanted, (0, 0)):
        if ports is None:
            continue
        try:
            with ExitStack() as stack:
                bound = [stack.enter_context(_bind(port)) for port in ports]
                first, second = (each.getsockname()[1] for each in bound)
                return first, second
        except OSError:
            continue
    raise Conflict(f"no two UDP ports are free on {LOOPBACK}")


def _bind(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.bind((LOOPBACK, port))
    except OSError:
        made.close()
        raise
    return made


def _config(home: Home) -> str:
    return f"""\
{TITLE}

[database]
directory = "{home.database}"

[[listeners]]
kind = "auth"
address = "{LOOPBACK}"
port = {home.auth_port}

[[listeners]]
kind = "acct"
address = "{LOOPBACK}"
port = {home.acct_port}
"""
