"""A sick switch, and what the doctor says of it while the server runs."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.acceptance.process import COMMAND, Server, wait_for
from tests.acceptance.wire import (
    ACCT_SESSION_ID,
    ACCT_SESSION_TIME,
    ACCT_STATUS_TYPE,
    CALLED_STATION_ID,
    CALLING_STATION_ID,
    EVENT_TIMESTAMP,
    STOP,
    Sender,
    accounting,
    tlv,
)

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

SECRET = b"secret of a sick switch"
SITE = f"""
[[client]]
name = "sick"
networks = ["127.0.0.32"]
secret = "{SECRET.decode()}"
dialect = "cisco"
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_sick_switch_is_told_what_it_has(home: Any, server: Server, workers: int) -> None:
    """
    A clock that is 40 s behind, Stops without Starts, a wrong secret, copies; with one process and several.
    """
    if server.is_running:
        assert 0 == server.stop()
    server.configure(workers)
    server.apply(SITE)
    server.start()
    sender = Sender("127.0.0.32", SECRET, server.auth_port, server.acct_port)
    late = int(datetime.now(UTC).timestamp()) - 40
    for number in range(10):
        packet = accounting(
            SECRET,
            tlv(ACCT_STATUS_TYPE, STOP),
            tlv(ACCT_SESSION_ID, f"{workers}-{number}"),
            tlv(ACCT_SESSION_TIME, 5),
            tlv(CALLED_STATION_ID, "442071838750"),
            tlv(CALLING_STATION_ID, "15550000001"),
            tlv(EVENT_TIMESTAMP, late),
        )
        sender.ask(packet)
        sender.ask(packet)
    sender.send(accounting(b"another secret", tlv(ACCT_STATUS_TYPE, STOP)))

    wait_for(lambda: "secret" in [row["check"] for row in doctor(server) if row["state"] != "ok"], 20)
    found = {row["check"]: row for row in doctor(server)}
    sender.close()

    clock = found["clock"]
    assert ("bad", "ntp server ADDRESS; clock timezone UTC 0") == (clock["state"], clock["do"])
    assert clock["seen"] in ("40 s behind ours", "39 s behind ours", "41 s behind ours")
    assert ("bad", "bad") == (found["starts"]["state"], found["loss"]["state"])
    assert "copies come after less than 1 s" == found["retry_timer"]["seen"]


def doctor(server: Server) -> list[dict[str, str]]:
    """Return what the command prints; it must exit with 1 when something is bad."""
    command = [str(COMMAND), "client", "doctor", "sick", "--json", "--config", str(server.config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    rows: list[dict[str, str]] = json.loads(done.stdout)
    assert done.returncode == any(row["state"] == "bad" for row in rows), done.stderr
    return rows
