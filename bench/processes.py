"""Processes under test: ports for them, their readiness, and the CPU that they and their children use."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
START_LIMIT_S = 60.0  # a first start may make a database cluster
POLL_S = 0.1
# proc(5), /proc/PID/stat, counted from the state that follows the name in parentheses
_PARENT, _USER, _SYSTEM, _REAPED_USER, _REAPED_SYSTEM = 1, 11, 12, 13, 14


class NotReady(Exception):
    """A process ended, or let its time pass, before it said that it was ready; the text has its output."""


def start_notifying(
    command: Sequence[str], home: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """
    Start *command* and return it when it says READY=1, as systemd waits for a unit of Type=notify.

    Its output is added to ``output.log`` in *home*.

    Raises:
        NotReady: It did not say so in time.
    """
    path, output = home / "notify", home / "output.log"
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, output.open("ab") as log:
        notify.bind(str(path))
        environment = {**environment, "NOTIFY_SOCKET": str(path)}
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment)
        deadline = time.monotonic() + START_LIMIT_S
        while process.poll() is None and time.monotonic() < deadline:
            if select.select([notify], [], [], POLL_S)[0] and b"READY=1" in notify.recv(4096):
                return process
    process.kill()
    process.wait()
    raise NotReady(f"{' '.join(command)} did not get ready:\n{output.read_text(errors='replace')[-3000:]}")


def free_udp_ports(count: int, address: str = "127.0.0.1") -> list[int]:
    """Return *count* UDP ports of *address* that nobody uses now."""
    return _free_ports(count, address, socket.SOCK_DGRAM)


def free_tcp_ports(count: int, address: str = "127.0.0.1") -> list[int]:
    """Return *count* TCP ports of *address* that nobody uses now."""
    return _free_ports(count, address, socket.SOCK_STREAM)


def _free_ports(count: int, address: str, kind: socket.SocketKind) -> list[int]:
    held = [socket.socket(socket.AF_INET, kind) for _ in range(count)]
    try:
        for one in held:
            one.bind((address, 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


def tree_of(pid: int) -> set[int]:
    """Return *pid* and all its living descendants."""
    parents = {child: int(fields[_PARENT]) for child, fields in _all_stats()}
    found, queue = set(), [pid]
    while queue:
        parent = queue.pop()
        found.add(parent)
        queue += [child for child, its_parent in parents.items() if its_parent == parent]
    return found


def cpu_s(roots: Iterable[int]) -> float:
    """
    Return the CPU seconds that the trees of *roots* have used, with those of children that have ended.

    A tick is 10 ms, so a difference means something over a run of a second or more.
    """
    ticks = 0
    members = set().union(*(tree_of(root) for root in roots))
    for pid in members:
        fields = _stat(pid)
        if fields is not None:
            ticks += sum(int(fields[at]) for at in (_USER, _SYSTEM, _REAPED_USER, _REAPED_SYSTEM))
    return ticks / TICKS_PER_S


def load_average() -> float:
    """Return the machine's load average of the last minute."""
    return os.getloadavg()[0]


def _all_stats() -> list[tuple[int, list[str]]]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            fields = _stat(int(folder.name))
            if fields is not None:
                found.append((int(folder.name), fields))
    return found


def _stat(pid: int) -> list[str] | None:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return None
