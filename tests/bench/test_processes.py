"""CPU is counted for a whole tree of processes, and readiness is what the process says itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.processes import NotReady, cpu_s, free_udp_ports, start_notifying, tree_of

BURN_IN_CHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
print("ready", flush=True)
sys.stdin.read()
child.kill()
child.wait()
"""
SAYS_READY = """
import os, socket
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
    notify.sendto(b"STATUS=soon", os.environ["NOTIFY_SOCKET"])
    notify.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
"""


def test_counts_the_cpu_of_children():
    """
    A parent that sleeps while its child works has used what the child used.
    """
    command = [sys.executable, "-c", BURN_IN_CHILD]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None and parent.stdin is not None
        parent.stdout.readline()
        before = cpu_s([parent.pid])
        with pytest.raises(subprocess.TimeoutExpired):
            parent.wait(0.5)
        used = cpu_s([parent.pid]) - before
        tree = tree_of(parent.pid)
        parent.stdin.close()

    assert 0.05 < used < 0.7
    assert 2 == len(tree)


def test_a_process_that_is_gone_has_used_nothing():
    """
    Asking for a process that has ended is no error: it may end between two looks.
    """
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass

    assert 0 == cpu_s([ended.pid])


def test_returns_when_the_process_says_that_it_is_ready(tmp_path: Path):
    """
    Readiness is the word READY=1 on the notify socket, after whatever else is said there.
    """
    process = start_notifying([sys.executable, "-c", SAYS_READY], tmp_path, os.environ)

    assert 0 == process.wait(10)


def test_tells_what_a_process_said_that_did_not_get_ready(tmp_path: Path):
    """
    One that ends first is an error with its own words.
    """
    with pytest.raises(NotReady, match="no such thing"):
        start_notifying([sys.executable, "-c", "raise SystemExit('no such thing')"], tmp_path, os.environ)


def test_free_ports_differ():
    """
    Ports that are asked for together are not the same.
    """
    assert 20 == len(set(free_udp_ports(20)))
