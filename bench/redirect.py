"""
How many calls a second the SIP redirect authorizer serves: sipp asks, every answer is checked.

``python -m bench.redirect`` starts a Tollwire with an embedded PostgreSQL and lets sipp call at a given rate.
Every call is another one, on one trunk without a limit, and is matched, rated, held and committed before its
302; sipp checks Contact and the longest duration of each. sipp and server share the machine.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.processes import POLL_S, START_LIMIT_S, NotReady, cpu_s, free_tcp_ports, start_notifying

COMMAND = (sys.executable, "-c", "from provisioning.cli import main; main()")
SCENARIO = Path(__file__).with_name("sipp") / "redirected.xml"
STOP_LIMIT_S = 30.0
SPARE_S = 60  # beyond the calls' own time

OPTIONS = b"""OPTIONS sip:127.0.0.1 SIP/2.0\r
Via: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK-known\r
From: <sip:bench@127.0.0.1>;tag=bench\r
To: <sip:127.0.0.1>\r
Call-ID: known\r
CSeq: 1 OPTIONS\r
Content-Length: 0\r
\r
"""
CONFIGURATION = """
workers = {workers}
key_file = "{home}/secret.key"

[database]
directory = "{home}/db"

[[listeners]]
kind = "sip"
transport = "{transport}"
address = "127.0.0.1"
port = {port}

[log]
level = "warning"
"""
SITE = """
[[client]]
name = "sipp"
networks = ["127.0.0.1"]
secret = "a secret of no importance"
sip = "open"
sip_trunk_header = "X-Trunk-Group"
sip_next_hop = "gw1.example.net:5080"

[[deck]]
name = "world"
currency = "USD"
rates = [{prefix = "44", description = "United Kingdom", rate = 0.02, initial = 6, increment = 6}]

[[plan]]
code = "basic"
deck = "world"

[[account]]
code = "acme"
currency = "USD"
opening_balance = 1000000000

[[trunk]]
account = "acme"
trunk = "wide"
plan = "basic"
activated = 2020-01-01
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What sipp saw of one run, and what the server's processes used."""

    calls: int
    redirected: int
    retransmissions: int
    per_second: float
    waits_ms: list[float]  # from INVITE to 302, ascending
    cpu_s: float

    def wait_ms(self, percent: float) -> float:
        """Return the wait that *percent* of the calls did not exceed."""
        if not self.waits_ms:
            return float("nan")
        return self.waits_ms[min(len(self.waits_ms) - 1, int(len(self.waits_ms) * percent / 100))]

    def __str__(self) -> str:
        return (
            f"{self.redirected} of {self.calls} calls redirected at {self.per_second:.0f}/s, "
            f"{self.retransmissions} retransmissions; 302 after {self.wait_ms(50):.0f} ms (median), "
            f"{self.wait_ms(99):.0f} ms (99 %), {self.wait_ms(100):.0f} ms (longest); "
            f"{1000 * self.cpu_s / max(1, self.calls):.2f} ms of processor a call, PostgreSQL included"
        )


@contextmanager
def a_server(home: Path, transport: str, workers: int) -> Iterator[tuple[int, int]]:
    """Run a provisioned server in *home*; yield its process id and SIP port."""
    (port,) = free_tcp_ports(1)
    config = home / "tollwire.toml"
    config.write_text(CONFIGURATION.format(home=home, transport=transport, port=port, workers=workers))
    process = start_notifying([*COMMAND, "serve", "--config", str(config)], home, os.environ)
    try:
        (home / "site.toml").touch(mode=0o600)
        (home / "site.toml").write_text(SITE)
        apply = [*COMMAND, "apply", "--yes", str(home / "site.toml"), "--config", str(config)]
        subprocess.run(apply, check=True, capture_output=True)
        _wait_until_known(port, transport)
        yield process.pid, port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_LIMIT_S)


def _wait_until_known(port: int, transport: str) -> None:
    """Return when the server knows its client, which it shows by answering."""
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        with socket.socket(socket.AF_INET, kind) as asking, suppress(OSError):
            asking.settimeout(POLL_S)
            asking.connect(("127.0.0.1", port))
            asking.send(OPTIONS)
            if asking.recv(4096).startswith(b"SIP/2.0 200"):
                return
            time.sleep(POLL_S)
    raise NotReady("the server does not answer OPTIONS")


def call(home: Path, pid: int, port: int, transport: str, rate: int, seconds: int) -> Outcome:
    """
    Let sipp make *rate* calls a second for so many *seconds*.

    Raises:
        subprocess.TimeoutExpired: It did not come to an end.
    """
    calls = rate * seconds
    (home / "calls.csv").write_text("SEQUENTIAL\n442079460000;wide\n")
    command = ["sipp", f"127.0.0.1:{port}", "-sf", str(SCENARIO), "-inf", "calls.csv", "-i", "127.0.0.1"]
    command += ["-t", "t1" if transport == "tcp" else "u1", "-nostdin", "-r", str(rate), "-m", str(calls)]
    command += ["-l", str(calls), "-trace_stat", "-stf", "stat.csv", "-fd", "1"]
    command += ["-trace_rtt", "-rtt_freq", "1"]
    before_s = cpu_s([pid])
    subprocess.run(command, cwd=home, capture_output=True, check=False, timeout=seconds + SPARE_S)
    used_s = cpu_s([pid]) - before_s
    *_, last = csv.DictReader((home / "stat.csv").read_text().splitlines(), delimiter=";")
    return Outcome(
        calls=calls,
        redirected=int(last["SuccessfulCall(C)"]),
        retransmissions=int(last["Retransmissions(C)"]),
        per_second=float(last["CallRate(C)"]),
        waits_ms=_waits_in(home),
        cpu_s=used_s,
    )


def _waits_in(home: Path) -> list[float]:
    waits = []
    for path in home.glob("*_rtt.csv"):
        for row in csv.DictReader(path.read_text().splitlines(), delimiter=";"):
            waits.append(float(row["response_time_ms"]))
    return sorted(waits)


def main(arguments: list[str]) -> int:
    """Measure and print; 1 when a call was not redirected."""
    parser = argparse.ArgumentParser(prog="python -m bench.redirect", description=__doc__)
    parser.add_argument("--rate", type=int, default=500, help="calls a second (default: 500)")
    parser.add_argument("--seconds", type=int, default=20, help="how long (default: 20)")
    parser.add_argument("--transport", choices=("udp", "tcp"), default="udp")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args(arguments)
    if shutil.which("sipp") is None:
        print("sipp is missing: apt install sip-tester", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="tw-", dir="/tmp") as folder:
        home = Path(folder)
        home.chmod(0o755)
        try:
            with a_server(home, options.transport, options.workers) as (pid, port):
                warm = call(home, pid, port, options.transport, 50, 2)
                for path in home.glob("*_rtt.csv"):
                    path.unlink()
                outcome = call(home, pid, port, options.transport, options.rate, options.seconds)
        except NotReady as error:
            print(error, file=sys.stderr)
            return 2
    print(f"{options.transport}, {options.workers} worker(s): {outcome}")
    return 0 if outcome.redirected == outcome.calls and warm.redirected == warm.calls else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
