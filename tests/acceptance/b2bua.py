"""A second real switch for the acceptance tests: Sippy's B2BUA, in a Python environment of its own."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

from bench.processes import free_udp_ports
from tests.acceptance.switch import HANG_UP_MS, START_LIMIT_S, Switch, _answers_options

PIECES = Path(__file__).with_name("sippy")
KAMAILIOS = Path(__file__).with_name("kamailio")
ROOT = Path(__file__).parents[2]


def python() -> Path | None:
    """Return the interpreter of the environment that has Sippy, None when there is none."""
    named = os.environ.get("TOLLWIRE_SIPPY_PYTHON")
    found = Path(named) if named else ROOT / ".venv-sippy" / "bin" / "python"
    return found if found.exists() else None


def missing_packages() -> set[str]:
    """Return the Debian packages that its tests need and this machine lacks."""
    return set() if shutil.which("sipp") else {"sip-tester"}


class B2bua(Switch):
    """
    A running B2BUA that asks RADIUS from the address *source*.

    With *digest* it challenges its callers; else it asks about their addresses. *callee* is what everybody
    does who is called: "answers" or "busy".
    """

    def __init__(
        self,
        folder: Path,
        auth_port: int,
        acct_port: int,
        secret: str,
        *,
        source: str,
        callee_port: int,
        callee: str = "answers",
        digest: bool,
    ) -> None:
        super().__init__(folder, auth_port, acct_port, secret)
        self.source, self.digest = source, digest
        self.callee, self.callee_port = callee, callee_port
        self.sip_port = free_udp_ports(1)[0]
        self.caller = folder / "caller.xml"
        self.caller.write_text(_for_sippy((KAMAILIOS / "caller.xml").read_text()))

    def log(self) -> str:
        """Return what the B2BUA has written."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("b2bua*.log")))

    def complaints(self) -> list[str]:
        """Return where it had no answer from RADIUS."""
        return [line for line in self.log().splitlines() if "Error sending" in line]

    def _start(self) -> None:
        scenario = str(KAMAILIOS / f"{self.callee}.xml")
        sipp = ["sipp", "-sf", scenario, "-i", "127.0.0.1", "-p", str(self.callee_port), "-nostdin"]
        self._spawn([*sipp, "-d", str(HANG_UP_MS)], self.folder / "callee.log")
        settings = {
            "source": self.source,
            "auth_port": self.auth_port,
            "acct_port": self.acct_port,
            "secret": self.secret,
        }
        (self.folder / "radius.json").write_text(json.dumps(settings))
        self._spawn(
            [
                *(str(python()), str(PIECES / "launch.py"), "-f"),
                *("-l", "127.0.0.1", "-p", str(self.sip_port)),
                *("-A", "2", "--alive_acct_int=1", "--max_radiusclients=8"),
                *(("--digest_auth_only=on",) if self.digest else ("-D",)),
                *("-R", str(self.folder / "radius.json"), "-L", str(self.folder / "b2bua.log")),
                *("-P", str(self.folder / "b2bua.pid"), "-c", str(self.folder / "b2bua.sock")),
            ],
            self.folder / "b2bua-output.log",
        )
        deadline = time.monotonic() + START_LIMIT_S
        while not _answers_options(self.sip_port):
            assert self._children[-1].poll() is None and time.monotonic() < deadline, self.log()


def _for_sippy(scenario: str) -> str:
    """Return the caller of Kamailio's tests as Sippy wants it."""
    # It challenges as a server does; and sipp would put the display name of its Contact into requests.
    here = "sip:[field1]@[remote_ip]:[remote_port]"
    return scenario.replace('response="407"', 'response="401"').replace("[next_url]", here)
