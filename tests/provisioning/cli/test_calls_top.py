"""``calls top`` on a terminal: what it shows, and what its keys do."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time

import pytest

from provisioning.cli.calls_top import DOWN, Line, View
from tests.provisioning.cli.conftest import START

pytestmark = pytest.mark.postgres

TOLLWIRE = (sys.executable, "-m", "provisioning.cli")


def test_a_terminal_gets_a_table_and_a_live_view(switch):
    """
    On a terminal a list is an aligned table, and ``calls top`` shows frames until Ctrl-C, which is no error.
    """
    switch.start("c1", calling="\x1b]0;gotcha\x07")
    ours, theirs = pty.openpty()
    watch = subprocess.Popen([*TOLLWIRE, "calls", "top", "--interval", "0.2"], stdout=theirs, stderr=theirs)
    shown = read_until(ours, b"1 calls; Ctrl-C ends")
    watch.send_signal(signal.SIGINT)

    assert 0 == watch.wait(30)
    subprocess.run([*TOLLWIRE, "calls", "list"], stdout=theirs, check=True)
    table = read_until(ours, b"  sbc  ")
    assert b"CALL_ID" in table
    assert b"\x1b]0" not in shown + table
    assert rb"\x1b]0;gotcha\x07" in table
    os.close(ours)
    os.close(theirs)


def test_the_live_view_is_steered_by_keys(run, switch):
    """
    Filter, order, choice and, once it is confirmed, the end of a call; what was typed changes nothing else.
    """
    first = switch.start("c1", called="442071838750").call_id
    second = switch.start("c2", called="15125550142", trunk_in="tg2").call_id
    ours, theirs = pty.openpty()
    words = [*TOLLWIRE, "calls", "top", "--interval", "0.2"]
    watch = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs)
    read_until(ours, b"2 calls; Ctrl-C ends; by start")
    for keys, shown in (
        (b"s", b"by seconds"),
        (b"r", b"by seconds, turned round"),
        (b"/", b"Filter: _"),
        (b"qE7", b"Filter: qE7_"),
        (b"\x7f\x7f\x7f5550142", b"1 of 2 calls"),
        (b"\r", b"Filter: 5550142; / filters"),
        (b"e", f"End call {second}?".encode()),
        (b"n", b"Filter: 5550142; / filters"),
        (b"e", f"End call {second}?".encode()),
        (b"y", f"Call {second} is over; closed: admin;".encode()),
        (b"/", b"Filter: 5550142_"),
        (b"\x1b", b"1 calls; Ctrl-C ends"),
    ):
        os.write(ours, keys)
        read_until(ours, shown)
    os.write(ours, b"q")

    assert 0 == watch.wait(30)
    assert [first] == [call["call_id"] for call in json.loads(run("calls", "list", "--json").stdout)]
    assert termios.tcgetattr(theirs)[3] & termios.ICANON
    os.close(ours)
    os.close(theirs)


def test_the_live_view_orders_by_numbers_and_keeps_the_choice_in_sight():
    """
    2 comes before 10, and ``4/10`` is a 4; the chosen call stays chosen when others come before it.
    """
    lines = [Line(str(n), "out", (n * 5 % 30, f"{n}/30", f"a{n}")) for n in range(30)]
    view = View(("seconds", "channels", "account"))
    assert [0, 5, 10] == sorted({line.cells[0] for line in view.order(lines)})[:3]
    view.press("s", lines)
    shown = view.order(lines)
    assert [str(n) for n in range(30)] == [line.call_id for line in shown]
    for _ in range(20):
        view.press(DOWN[0], shown)
    drawn = view.draw(START, shown, 30, 80, 12)

    assert 12 == len(drawn)
    assert [True] == ["a20" in text for text in drawn if text.startswith(">")]
    view.press("r", shown)
    assert 9 == view.place(view.order(lines))


@pytest.mark.parametrize("name", ["NaN", "sNaN", "-Infinity", "", "1e5/x"])
def test_a_caller_of_any_name_is_in_the_order(name):
    """
    What Python takes for a number that is none would stop the view for everybody.
    """
    lines = [Line(str(n), "out", (cell,)) for n, cell in enumerate(("7", name, "15550100", "anna"))]
    view = View(("from",))

    assert {*lines} == {*view.order(lines)}
    shown = [line.cells[0] for line in view.order(lines) if line.cells[0] != name]
    assert ["7", "15550100", "anna"] == shown


def read_until(descriptor, words):
    """Return what comes from a terminal, up to *words*."""
    read, due = b"", time.monotonic() + 30
    while words not in read:
        ready, _, _ = select.select([descriptor], [], [], 30)
        assert ready and time.monotonic() < due, read[-4000:].decode(errors="replace").replace("  ", "")
        read += os.read(descriptor, 4096)
    return read
