"""Debian's FreeRADIUS as a proxy of dynamic authorization: it passes requests on by what names the switch."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

START_LIMIT_S = 20.0
CONFIGURATION = """
prefix = /usr
libdir = /usr/lib/freeradius
logdir = {folder}
run_dir = {folder}
pidfile = {folder}/freeradius.pid
max_request_time = 30
security {{
    max_attributes = 200
    reject_delay = 0
    status_server = yes
}}
proxy_requests = yes
log {{
    destination = stdout
}}
client tollwire {{
    ipaddr = 127.0.0.1
    secret = "{secret}"
}}
proxy server {{
    default_fallback = no
}}
home_server behind {{
    type = coa
    ipaddr = {nas}
    port = {nas_port}
    secret = "{nas_secret}"
    coa {{
        irt = 2
        mrt = 16
        mrc = 5
        mrd = 30
    }}
}}
home_server_pool behind {{
    type = fail-over
    home_server = behind
}}
modules {{
    always ok {{
        rcode = ok
    }}
    always reject {{
        rcode = reject
    }}
}}
server coa {{
    listen {{
        type = coa
        ipaddr = 127.0.0.1
        port = {port}
    }}
    recv-coa {{
        if (&Operator-Name == "1visited.example" && &NAS-Identifier == "gw7") {{
            update control {{
                Home-Server-Pool := "behind"
            }}
            ok
        }}
        else {{
            reject
        }}
    }}
    send-coa {{
        ok
    }}
}}
"""


def program() -> str | None:
    """Return where FreeRADIUS is, None when it is not installed."""
    return shutil.which("freeradius", path="/usr/sbin:/usr/bin")


class FreeRadius:
    """One that runs in *folder* from here to :meth:`stop`."""

    def __init__(self, folder: Path, port: int, **fields: object) -> None:
        found = program()
        assert found is not None, "not installed"
        folder.mkdir(exist_ok=True)
        (folder / "radiusd.conf").write_text(CONFIGURATION.format(folder=folder, port=port, **fields))
        self._log = folder / "output.log"
        with self._log.open("wb") as log:
            command = [found, "-f", "-l", "stdout", "-x", "-d", str(folder), "-D", "/usr/share/freeradius"]
            self._process = subprocess.Popen([*command, "-n", "radiusd"], stdout=log, stderr=log)
        deadline = time.monotonic() + START_LIMIT_S
        while "Ready to process requests" not in self.log():
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(10)

    def log(self) -> str:
        """Return what it has logged."""
        return self._log.read_text(errors="replace")
