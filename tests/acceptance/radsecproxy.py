"""Debian's radsecproxy between a switch and us: UDP to TLS, or TLS to UDP."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

START_LIMIT_S = 10.0

TLS = """
tls ours {{
    CACertificateFile {ca}
    CertificateFile {folder}/proxy.pem
    CertificateKeyFile {folder}/proxy.key
}}
"""
# The switch speaks UDP to the proxy, the proxy TLS to us.
TO_TLS = """
listenUDP 127.0.0.1:{auth_port}
listenUDP 127.0.0.1:{acct_port}
client switch {{
    host 127.0.0.1
    type udp
    secret {secret}
}}
server tollwire {{
    host 127.0.0.1
    port {server_port}
    type tls
    tls ours
    secret radsec
    CertificateNameCheck off
    MatchCertificateAttribute SubjectAltName:DNS:/^radius\\.example$/
    StatusServer on
}}
realm * {{
    server tollwire
    accountingServer tollwire
}}
"""
# We speak TLS to the proxy, the proxy UDP to the server behind it.
FROM_TLS = """
listenTLS 127.0.0.1:{tls_port}
client us {{
    host 127.0.0.1
    type tls
    tls ours
    secret radsec
    CertificateNameCheck off
    MatchCertificateAttribute SubjectAltName:DNS:/^open\\.example$/
}}
server auth {{
    host 127.0.0.1
    port {auth_port}
    type udp
    secret {secret}
}}
server acct {{
    host 127.0.0.1
    port {acct_port}
    type udp
    secret {secret}
}}
realm * {{
    server auth
    accountingServer acct
}}
"""


def program() -> str | None:
    """Return where radsecproxy is, None when it is not installed."""
    return shutil.which("radsecproxy", path="/usr/sbin:/usr/bin:/sbin:/bin")


class Radsecproxy:
    """One that runs in *folder*, which has its certificate, from here to :meth:`stop`."""

    def __init__(self, folder: Path, name: str, configuration: str, port: int, *, is_stream: bool) -> None:
        found = program()
        assert found is not None, "not installed"
        config = folder / f"{name}.conf"
        config.write_text(configuration)
        self._log = folder / f"{name}.log"
        with self._log.open("wb") as log:
            command = [found, "-f", "-d", "2", "-c", str(config), "-i", str(folder / f"{name}.pid")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self._wait_for(port, is_stream)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(10)

    def log(self) -> str:
        """Return what it has logged."""
        return self._log.read_text(errors="replace")

    def _wait_for(self, port: int, is_stream: bool) -> None:
        """Return when it listens on *port*."""
        deadline = time.monotonic() + START_LIMIT_S
        kind = "tcp" if is_stream else "udp"
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self.log()
            sockets = Path(f"/proc/net/{kind}").read_text().splitlines()[1:]
            if any(line.split()[1].endswith(f":{port:04X}") for line in sockets):
                return
            time.sleep(0.05)
        raise AssertionError(f"radsecproxy does not listen:\n{self.log()}")
