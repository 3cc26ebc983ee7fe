"""A real switch for the acceptance tests: Debian's Kamailio, with sipp as callers and callees around it."""

from __future__ import annotations

import csv
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.processes import free_udp_ports

PIECES = Path(__file__).with_name("kamailio")
REALM = "sip.example"
START_LIMIT_S = 15.0
CALLS_LIMIT_S = 60
HANG_UP_MS = 2_500  # how long the callee talks that hangs up itself
CALLEE_HANGS_UP = -1
COMPLAINTS = ("ERROR", "CRITICAL", "WARNING")
REFUSALS = ("REJECTED", "RC auth returned 2")  # misc_radius, and auth_radius with radcli's REJECT_RC
BUSY_PREFIX, HANGS_UP_PREFIX = "4900", "4901"  # called numbers, by what their owner does
# radcli numbers the digest attributes its own way; these make it send them as RFC 5090 does. The address
# moves aside, since Kamailio's 108 is Digest-Method there.
RFC5090_NUMBERS = {
    "Digest-Response": 103,
    "Digest-Realm": 104,
    "Digest-Nonce": 105,
    "Digest-Method": 108,
    "Digest-URI": 109,
    "Digest-QOP": 110,
    "Digest-Algorithm": 111,
    "Digest-Body-Digest": 112,
    "Digest-CNonce": 113,
    "Digest-Nonce-Count": 114,
    "Digest-User-Name": 115,
    "Sip-Src-IP": 230,
}


def missing_packages() -> set[str]:
    """Return the Debian packages that a switch needs and this machine lacks."""
    found = {
        "kamailio": shutil.which("kamailio"),
        "kamailio-radius-modules": next(Path("/usr/lib").glob("*/kamailio/modules/acc_radius.so"), None),
        "sip-tester": shutil.which("sipp"),
    }
    return {package for package, program in found.items() if program is None}


@dataclass(frozen=True, slots=True)
class Call:
    """A call to make. *talk_ms* is when the caller hangs up after the answer."""

    calling: str
    called: str
    talk_ms: int = 0
    user: str = ""
    password: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the caller saw of its call: refused with a SIP code, or answered and over after *talked_s*."""

    called: str
    refused_with: int | None
    talked_s: float | None


class Switch:
    """
    A running Kamailio that asks RADIUS at *auth_port* and *acct_port*, with callees behind it.

    *rfc5090* chooses how digests go into RADIUS: else as draft-sterman-aaa-sip-00 has it. With
    *redirect_port* it asks there by SIP, and RADIUS hears of its calls only.
    """

    caller = PIECES / "caller.xml"

    def __init__(
        self,
        folder: Path,
        auth_port: int,
        acct_port: int,
        secret: str,
        *,
        rfc5090: bool = False,
        redirect_port: int = 0,
    ) -> None:
        self.folder = folder
        self.auth_port, self.acct_port, self.secret = auth_port, acct_port, secret
        self.rfc5090 = rfc5090
        self.redirect_port = redirect_port
        self.sip_port, *self._callee_ports = free_udp_ports(4)
        self._children: list[subprocess.Popen[bytes]] = []
        self._runs = 0

    def __enter__(self) -> Switch:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End Kamailio and the callees."""
        for child in self._children:
            child.terminate()
        for child in self._children:
            child.wait(timeout=START_LIMIT_S)
        self._children.clear()

    @property
    def answers_port(self) -> int:
        """The port of the callee that answers."""
        return self._callee_ports[0]

    def log(self) -> str:
        """Return what Kamailio has written."""
        return (self.folder / "kamailio.log").read_text(errors="replace")

    def complaints(self) -> list[str]:
        """Return what Kamailio complained about, such as RADIUS packets that got no answer; not refusals."""
        lines = [line for line in self.log().splitlines() if any(word in line for word in COMPLAINTS)]
        return [line for line in lines if not any(word in line for word in REFUSALS)]

    def call(self, calls: Sequence[Call], source: str = "127.0.0.1", per_s: int = 20) -> dict[str, Seen]:
        """
        Make *calls* from the address *source*, and return what the caller saw by called number.

        Raises:
            AssertionError: sipp saw something that is no call: no answer, or an unexpected code.
        """
        self._runs += 1
        stem = self.folder / f"calls{self._runs}"
        with stem.with_suffix(".csv").open("w", newline="") as file:
            file.write("SEQUENTIAL\n")
            csv.writer(file, delimiter=";", lineterminator="\n").writerows(map(_fields, calls))
        command = ["sipp", f"127.0.0.1:{self.sip_port}", "-sf", str(self.caller)]
        command += [
            "-inf",
            str(stem.with_suffix(".csv")),
            "-i",
            source,
            "-p",
            str(free_udp_ports(1, source)[0]),
        ]
        command += ["-m", str(len(calls)), "-r", str(per_s), "-l", str(len(calls)), "-nostdin"]
        command += ["-trace_logs", "-log_file", str(stem.with_suffix(".log"))]
        command += ["-trace_err", "-error_file", str(stem.with_suffix(".errors"))]
        command += ["-timeout", str(CALLS_LIMIT_S), "-timeout_error"]
        done = subprocess.run(command, capture_output=True, timeout=CALLS_LIMIT_S + 10, check=False)
        errors = stem.with_suffix(".errors")
        assert 0 == done.returncode, errors.read_text() if errors.exists() else done.stdout.decode()[-2000:]
        return _read_log(stem.with_suffix(".log"))

    def _start(self) -> None:
        answers, busy, hangs_up = self._callee_ports
        for name, port in (("answers", answers), ("busy", busy), ("hangs_up", hangs_up)):
            command = [
                "sipp",
                "-sf",
                str(PIECES / f"{name}.xml"),
                "-i",
                "127.0.0.1",
                "-p",
                str(port),
                "-nostdin",
            ]
            self._spawn([*command, "-d", str(HANG_UP_MS)], self.folder / f"{name}.log")
        self._write_configuration()
        configuration = str(self.folder / "kamailio.cfg")
        self._spawn(
            ["kamailio", "-f", configuration, "-DD", "-E", "-m", "64", "-M", "8", "-w", str(self.folder)],
            self.folder / "kamailio.log",
        )
        deadline = time.monotonic() + START_LIMIT_S
        while not _answers_options(self.sip_port):
            assert self._children[-1].poll() is None and time.monotonic() < deadline, self.log()

    def _write_configuration(self) -> None:
        words = {
            "@FOLDER@": self.folder,
            "@REALM@": REALM,
            "@QOP@": 0 if self.rfc5090 else 1,  # both forms of the digest are tried
            "@SIP_PORT@": self.sip_port,
            "@ANSWERS_PORT@": self._callee_ports[0],
            "@BUSY_PORT@": self._callee_ports[1],
            "@HANGS_UP_PORT@": self._callee_ports[2],
            "@REDIRECT_PORT@": self.redirect_port,
        }
        configuration = (PIECES / ("redirect.cfg" if self.redirect_port else "kamailio.cfg")).read_text()
        for word, value in words.items():
            configuration = configuration.replace(word, str(value))
        (self.folder / "kamailio.cfg").write_text(configuration)
        (self.folder / "radiusclient.conf").write_text(
            f"authserver 127.0.0.1:{self.auth_port}:{self.secret}\n"
            f"acctserver 127.0.0.1:{self.acct_port}:{self.secret}\n"
            f"dictionary {self.folder}/dictionary\n"
            "radius_timeout 2\nradius_retries 3\ndefault_realm\nbindaddr 127.0.0.1\n"
        )
        lines = (PIECES / "dictionary").read_text().splitlines()
        (self.folder / "dictionary").write_text("".join(f"{self._renumbered(line)}\n" for line in lines))

    def _renumbered(self, line: str) -> str:
        """Return a line of the dictionary with the number that the chosen digest encoding gives it."""
        kind, name, *rest = line.split(maxsplit=3)
        if self.rfc5090 and kind == "ATTRIBUTE" and name in RFC5090_NUMBERS:
            return f"{kind} {name} {RFC5090_NUMBERS[name]} {rest[1]}"
        return line

    def _spawn(self, command: list[str], log: Path) -> None:
        with log.open("wb") as output:
            self._children.append(
                subprocess.Popen(
                    command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd=self.folder
                )
            )


def _fields(call: Call) -> tuple[str, ...]:
    credentials = f"[authentication username={call.user} password={call.password}]" if call.user else ""
    return (call.calling, call.called, str(call.talk_ms), credentials)


def _read_log(log: Path) -> dict[str, Seen]:
    seen: dict[str, Seen] = {}
    answered_at: dict[str, int] = {}
    for line in log.read_text().splitlines():
        what, called, number = line.split()
        if what == "answered":
            answered_at[called] = int(number)
        elif what == "ended":
            seen[called] = Seen(called, None, (int(number) - answered_at[called]) / 1000)
        else:
            seen[called] = Seen(called, int(number), None)
    return seen


def _answers_options(port: int) -> bool:
    """Return whether the SIP server at *port* answers an OPTIONS within a moment."""
    request = (
        f"OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK{time.monotonic_ns()}\r\n"
        "From: <sip:test@127.0.0.1>;tag=1\r\nTo: <sip:127.0.0.1>\r\n"
        f"Call-ID: {time.monotonic_ns()}\r\nCSeq: 1 OPTIONS\r\n"
        "Max-Forwards: 10\r\nContent-Length: 0\r\n\r\n"
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.2)
        probe.connect(("127.0.0.1", port))
        try:
            probe.send(request.encode())
            return probe.recv(4096).startswith(b"SIP/2.0")
        except (TimeoutError, ConnectionRefusedError):
            time.sleep(0.05)
            return False
