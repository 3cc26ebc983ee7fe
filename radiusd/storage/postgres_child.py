"""
Become the right user, tie our life to the parent's, and turn into a PostgreSQL program.

Run as a fresh interpreter, ``python -I -S postgres_child.py PARENT_PID IDENTITY PROGRAM [ARG...]``,
because nothing here is safe between fork and exec in a process that has threads. *IDENTITY* is one of

- ``same``: the user we are;
- ``namespace``: root, in a user namespace where root is called 65534. PostgreSQL refuses to run as
  uid 0 and sees another; on disk everything stays root's, and no user has to be made;
- ``UID:GID``: root no more, but that user for good.

The module imports the standard library only: it is run by its path, outside of the package.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000  # linux/sched.h
PR_SET_PDEATHSIG = 1  # linux/prctl.h
UNPRIVILEGED_ID = 65534  # "nobody": any number but 0 would do
EXIT_CANNOT_RUN = 126  # what a shell says of a program that is there but cannot be run

libc = ctypes.CDLL(None, use_errno=True)


def enter_namespace() -> None:
    """
    Enter a user namespace of our own, in which root is an ordinary user.

    Raises:
        OSError: The kernel or the container forbids it.
    """
    uid, gid = os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWUSER) != 0:
        errno = ctypes.get_errno()
        raise OSError(errno, f"a user namespace is refused: {os.strerror(errno)}")
    Path("/proc/self/setgroups").write_text("deny")  # user_namespaces(7): asked before gid_map may be written
    Path("/proc/self/gid_map").write_text(f"{UNPRIVILEGED_ID} {gid} 1")
    Path("/proc/self/uid_map").write_text(f"{UNPRIVILEGED_ID} {uid} 1")


def become(identity: str) -> None:
    """
    Take on *identity*, as the module's text tells.
    """
    if identity == "same":
        return
    if identity == "namespace":
        enter_namespace()
        return
    uid, gid = map(int, identity.split(":"))
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def die_with_parent(parent_pid: int) -> None:
    """
    Ask for SIGINT, PostgreSQL's fast shutdown, when the thread that made us is gone.

    It comes after :func:`become`, since the kernel forgets the wish when credentials change.
    """
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT) != 0:
        errno = ctypes.get_errno()
        raise OSError(errno, os.strerror(errno))
    if os.getppid() != parent_pid:  # it died before we asked
        raise SystemExit(0)


def first_closed_folder(path: Path) -> Path | None:
    """
    Return the outermost folder on the way to *path* that we may not pass, if there is one.
    """
    for folder in reversed(path.parents):
        if not os.access(folder, os.X_OK):
            return folder
    return None


def require_way_to(path: Path) -> None:
    """
    Stop with a sentence that names the closed folder when *path* is out of our reach.
    """
    closed = first_closed_folder(path)
    if closed is not None:
        print(
            f"uid {os.geteuid()} cannot reach {path}: {closed} is closed to it. "
            "Choose a home outside of closed folders, such as /var/lib/tollwire.",
            file=sys.stderr,
        )
        raise SystemExit(EXIT_CANNOT_RUN)


def main(argv: list[str]) -> None:
    """
    Do what the module's text says; return only by an exception.
    """
    parent_pid, identity, program, *arguments = argv
    os.chdir("/")  # the folder we come from may be closed to the new user
    os.umask(0o077)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # a thread that blocks SIGINT hands that on to us
    try:
        become(identity)
        die_with_parent(int(parent_pid))
        require_way_to(Path(program))
        for argument in arguments:
            if argument.startswith("/"):
                require_way_to(Path(argument))
        os.execv(program, [program, *arguments])
    except OSError as error:
        print(f"{program} cannot be run as {identity}: {error}", file=sys.stderr)
        raise SystemExit(EXIT_CANNOT_RUN) from None


if __name__ == "__main__":
    main(sys.argv[1:])
