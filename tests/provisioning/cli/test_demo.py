"""The demo: the real server over loopback, its fixed scenario, and calls that come and go."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from provisioning.cli.errors import Exit
from provisioning.demo.home import open_home
from provisioning.demo.scenario import LONGEST, begin_at
from radiusd.errors import Conflict

TOLLWIRE = (sys.executable, "-m", "provisioning.cli")
LIMIT_S = 90
CALLS = {
    ("did 15125550100", "answered", 120, 120, "0.000000"),
    ("virtual 442079460100", "answered", 180, 180, "0.015000"),
    ("did 15125550100", "answered", 480, 300, "0.037500"),
    ("trunk acme-small", "answered", 60, 0, "0.018000"),
    ("trunk acme-small", "answered", 120, 0, "0.036000"),
    ("trunk acme-small", "refused trunk_full", 0, 0, "0.000000"),
    ("ip 198.51.100.0/28", "answered", 75, 0, "0.018800"),
    ("did 13125550177", "answered", 90, 0, "0.103000"),
}


@pytest.fixture
def home(short_dir):
    """A folder for a demo; its name is short, as PostgreSQL's socket needs it."""
    return short_dir / "d"


def tollwire(*words, **options):
    """Run ``tollwire`` and return what it did."""
    return subprocess.run([*TOLLWIRE, *words], capture_output=True, text=True, timeout=LIMIT_S, **options)


@contextmanager
def running_demo(home, *words):
    """Run the demo while the block lasts, from its being ready to Ctrl-C; yield it."""
    with tempfile.TemporaryFile("w+") as said:
        demo = subprocess.Popen(
            [*TOLLWIRE, "demo", "--home", str(home), *words],
            stdout=said,
            stderr=said,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        try:
            wait_for(lambda: "Ctrl-C ends" in output(said) or demo.poll() is not None)
            assert demo.poll() is None, output(said)
            yield demo
            demo.send_signal(signal.SIGINT)
            assert 0 == demo.wait(LIMIT_S), output(said)
        finally:
            demo.kill()
            demo.wait()


def output(file):
    """Return what was written so far."""
    return os.pread(file.fileno(), 100_000, 0).decode()


def wait_for(true):
    """Wait until *true* returns something true."""
    deadline = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def processes_of(home):
    """Return the command lines of processes that name *home*."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has ended meanwhile
            continue
        if str(home) in line and path.parent.name != str(os.getpid()):
            found.append(line)
    return found


@pytest.mark.acceptance
def test_the_scenario_comes_to_what_it_must(home):
    """
    Included minutes are used up and no further, the third call of a trunk of two is refused, a Stop alone is
    booked, every charge is exact, the books are clean, and nothing is left running.
    """
    done = tollwire("demo", "--once", "--home", str(home), "--json")
    assert Exit.OK == done.returncode, done.stderr
    told = json.loads(done.stdout)

    assert CALLS == {
        tuple(call[name] for name in ("service", "status", "seconds", "included_s", "total"))
        for call in told["calls"]
    }
    assert [("us-10", 600, 600, 0)] == [
        tuple(row[name] for name in ("bucket", "included_s", "used_s", "held_s")) for row in told["buckets"]
    ]
    assert [("acme-small", 0, 2)] == [
        tuple(row[name] for name in ("service", "used", "max_channels")) for row in told["channels"]
    ]
    assert [("ACME", "-0.125300", "0.000000"), ("CORNER", "1.897000", "0.000000")] == [
        tuple(row[name] for name in ("account", "balance", "held")) for row in told["balances"]
    ]
    assert {0} == {row["differing"] for row in told["books"]}
    assert [] == processes_of(home)


@pytest.mark.acceptance
def test_the_demo_can_be_looked_at_and_ends_clean(home):
    """
    While it runs there are live calls to watch and a server to ask; Ctrl-C ends every call and process.
    """
    config = {**os.environ, "TOLLWIRE_CONFIG": str(home / "tollwire.toml")}
    with running_demo(home):
        live = json.loads(tollwire("calls", "list", "--json", env=config).stdout)
        port = next(line for line in (home / "tollwire.toml").read_text().splitlines() if "port" in line)
        asked = tollwire(
            *("radius", "test", "auth", "127.0.0.1", "--port", port.split("=")[1].strip()),
            *("--secret-file", str(home / "secret"), "--from", "15125550100", "--to", "442071838750"),
            *("--attr", "Acct-Session-Id=by-hand", "--attr", "Service-Type=Call-Check", "--json"),
            env=config,
        )
        explained = tollwire("explain", "by-hand", env=config)
        beside = tollwire("demo", "--home", str(home))

    assert live
    assert Exit.OK == asked.returncode, asked.stderr
    assert "Access-Accept" == json.loads(asked.stdout)["answer"]
    assert "matched did 15125550100 of ACME" in explained.stdout
    assert (Exit.CONFLICT, True) == (beside.returncode, "already" in beside.stderr)
    assert [] == processes_of(home)
    open_still = json.loads(tollwire("calls", "list", "--json", env=config).stdout)
    assert {"authorized"} >= {call["state"] for call in open_still}  # the one asked for by hand
    assert Exit.OK == tollwire("books", "check", env=config).returncode


@pytest.mark.acceptance
def test_a_killed_demo_leaves_nothing_running(home):
    """
    Server and PostgreSQL end with the demo, even by kill -9; what was acknowledged is still there.
    """
    config = {**os.environ, "TOLLWIRE_CONFIG": str(home / "tollwire.toml")}

    def open_calls():
        return json.loads(tollwire("calls", "list", "--json", env=config).stdout)

    with pytest.raises(Killed), running_demo(home) as demo:
        wait_for(open_calls)
        demo.kill()
        demo.wait()
        wait_for(lambda: not processes_of(home))
        raise Killed

    assert open_calls()
    assert Exit.OK == tollwire("books", "check", env=config).returncode


class Killed(Exception):
    """The demo was killed; there is nobody to send Ctrl-C to."""


def test_keeps_its_secret_until_it_starts_over(tmp_path):
    """
    The secret is made once, for the owner's eyes alone; ``--reset`` throws everything away.
    """
    home = tmp_path / "demo"
    made = open_home(home, reset=False, usual_ports=False)
    (home / "database").mkdir()
    made.lock.close()
    again = open_home(home, reset=False, usual_ports=False)
    again.lock.close()
    fresh = open_home(home, reset=True, usual_ports=False)
    fresh.lock.close()

    assert made.secret == again.secret != fresh.secret
    assert len(made.secret) >= 24
    assert f'"{fresh.secret}"' in fresh.site.read_text()
    assert {0o600} == {path.stat().st_mode & 0o777 for path in (fresh.secret_file, fresh.site)}
    assert not (home / "database").exists()


def test_refuses_a_folder_of_something_else(tmp_path):
    """
    Whatever ``--reset`` says, a folder that no demo made is left as it is.
    """
    (tmp_path / "precious").write_text("data")

    with pytest.raises(Conflict, match="something else"):
        open_home(tmp_path, reset=True, usual_ports=False)

    assert ["precious"] == [path.name for path in tmp_path.iterdir()]


def test_one_demo_a_folder(tmp_path):
    """
    The second demo in one folder is refused while the first one runs.
    """
    first = open_home(tmp_path / "demo", reset=False, usual_ports=False)

    with first.lock, pytest.raises(Conflict, match="runs in"):
        open_home(tmp_path / "demo", reset=True, usual_ports=False)


@pytest.mark.parametrize("day", [datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 31, 23, 59, tzinfo=UTC)])
@pytest.mark.parametrize("minutes", [0, 30, 59, 60, 61])
def test_the_scenario_lies_within_one_month(day, minutes):
    """
    At whatever minute it is played, its calls draw from the minutes of one month.
    """
    begin = begin_at(day + timedelta(minutes=minutes))

    assert begin.month == (begin + LONGEST - timedelta(minutes=1)).month
