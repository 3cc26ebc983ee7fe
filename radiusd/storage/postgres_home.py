"""
Where an embedded PostgreSQL keeps its files, and the user that it runs as.

A home holds ``pg/`` (the data), ``run/`` (the socket), ``postgres.log``, ``owner.lock`` and perhaps
``pgsql-VERSION/`` (programs). All of it is closed to others; the folders above it are left as they are.
"""

import hashlib
import os
import pwd
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from radiusd.errors import TollwireError

CHILD = Path(__file__).with_name("postgres_child.py")
SERVICE_USERS = ("tollwire", "postgres", "nobody")  # whom root becomes where user namespaces are forbidden
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_MAX = 107  # unix(7): sun_path has 108 octets with the closing NUL
PROBE_LIMIT_S = 30
NEW_HOME = frozenset({"owner.lock", "secret.key", "postgres.log"})  # what we put there before any data


class HomeUnusable(TollwireError):
    """The folder cannot hold an embedded server; the server does not start, and says what to change."""


@dataclass(frozen=True, slots=True)
class Identity:
    """
    Who runs PostgreSQL: the word that ``postgres_child.py`` takes, and who owns the files.
    """

    word: str
    uid: int
    gid: int

    @property
    def is_another_user(self) -> bool:
        """Whether files made by us must be given away before PostgreSQL can use them."""
        return self.uid != os.geteuid()

    def give(self, path: Path) -> None:
        """Give *path* to the user; nothing is done when it is us: a sandbox may forbid even that chown."""
        if self.is_another_user:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def choose_identity(home: Path) -> Identity:
    """
    Return the user to run PostgreSQL as: its data's owner, or for new data one that works here.

    Raises:
        HomeUnusable: We are root, and neither a namespace nor another user can run this data.
    """
    uid, gid = os.geteuid(), os.getegid()
    if uid != 0:
        return Identity("same", uid, gid)
    data = home / "pg"
    owner = (data if data.exists() else home).stat()
    if owner.st_uid != 0:
        return Identity(f"{owner.st_uid}:{owner.st_gid}", owner.st_uid, owner.st_gid)
    if namespaces_work():
        return Identity("namespace", uid, gid)
    user = first_service_user()
    if data.exists():
        raise HomeUnusable(
            f"{data} belongs to root, PostgreSQL does not run as root, and user namespaces are refused here. "
            f"Give it to another user with 'chown -R {user.pw_name}: {data}', or start tollwire as that user"
        )
    return Identity(f"{user.pw_uid}:{user.pw_gid}", user.pw_uid, user.pw_gid)


def namespaces_work() -> bool:
    """
    Whether root may make a user namespace: chroots and most containers forbid it.
    """
    probe = child_command(Identity("namespace", 0, 0), "/bin/true")
    return subprocess.run(probe, capture_output=True, timeout=PROBE_LIMIT_S).returncode == 0


def first_service_user() -> pwd.struct_passwd:
    """
    Return the first of :data:`SERVICE_USERS` that this machine has.
    """
    for name in SERVICE_USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise HomeUnusable(f"no user of {SERVICE_USERS} exists to run PostgreSQL as: make one with useradd")


def child_command(identity: Identity, program: str, *arguments: str) -> list[str]:
    """
    Return the command that runs *program* as *identity*, for as long as we live.

    ``-I -S`` keep the environment, the current folder and site-packages out of what runs as root.
    """
    return [sys.executable, "-I", "-S", str(CHILD), str(os.getpid()), identity.word, program, *arguments]


def make_home(home: Path) -> None:
    """
    Make *home*, open to us alone, unless it is there.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise HomeUnusable(f"{home} cannot be made ({error.strerror}): name a folder we may write") from error


def give_new_home(home: Path, identity: Identity) -> None:
    """
    Let *identity* pass through a *home* that root has just made; one that holds more stays as it is.
    """
    is_ours = home.stat().st_uid == os.geteuid()
    if identity.is_another_user and is_ours and NEW_HOME.issuperset(os.listdir(home)):
        identity.give(home)


def run_dir(home: Path) -> Path:
    """
    Return the folder of *home*'s socket: its own ``run``, or another one when that name will not do.

    It will not when it is too long, or has a comma: to libpq that is the end of a host's name.
    Every process derives the same answer from the same *home*.
    """
    inside = home / "run"
    if len(os.fsencode(inside / SOCKET_NAME)) <= SOCKET_PATH_MAX and "," not in str(inside):
        return inside
    return Path("/tmp", f"tollwire-{hashlib.sha256(os.fsencode(home)).hexdigest()[:16]}")


def make_private(folder: Path, owner: Identity) -> None:
    """
    Make *folder* for *owner* alone, or see that it is so already.

    The check matters below /tmp, where a stranger could have put a folder, and a false server, before us.

    Raises:
        HomeUnusable: The folder is a link, belongs to a stranger, or is open to others.
    """
    try:
        folder.mkdir(mode=0o700)
        owner.give(folder)
    except FileExistsError:
        require_private(folder, owner.uid)


def require_private(folder: Path, *owner_uids: int) -> None:
    """
    Refuse a *folder* in which somebody but us and *owner_uids* may put things.
    """
    found = folder.lstat()
    trusted = stat.S_ISDIR(found.st_mode) and found.st_uid in {os.geteuid(), *owner_uids}
    if not trusted or found.st_mode & 0o077:
        raise HomeUnusable(
            f"{folder} must be a folder of mode 700 that belongs to uid {owner_uids[0]}; "
            "somebody else made or changed it: look into it, then remove it"
        )
