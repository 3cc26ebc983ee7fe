"""A client's packets, watched from the command line while the server runs."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.acceptance.process import COMMAND, Server, wait_for
from tests.acceptance.wire import (
    ACCT_SESSION_ID,
    ACCT_SESSION_TIME,
    ACCT_STATUS_TYPE,
    CALLED_STATION_ID,
    CALLING_STATION_ID,
    STOP,
    Sender,
    accounting,
    tlv,
)

pytestmark = [pytest.mark.acceptance, pytest.mark.postgres]

SECRET = b"secret of a watched switch"
ADDRESSES = {"watched": "127.0.0.33", "other": "127.0.0.34"}
SITE = "".join(
    f'''
[[client]]
name = "{name}"
networks = ["{address}"]
secret = "{SECRET.decode()}"
dialect = "cisco"
'''
    for name, address in ADDRESSES.items()
)


def a_stop(session: str, secret: bytes = SECRET) -> bytes:
    """Return a Stop of a call of five seconds."""
    return accounting(
        secret,
        tlv(ACCT_STATUS_TYPE, STOP),
        tlv(ACCT_SESSION_ID, session),
        tlv(ACCT_SESSION_TIME, 5),
        tlv(CALLED_STATION_ID, "442071838750"),
        tlv(CALLING_STATION_ID, "15550000001"),
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_packets_are_seen_as_they_come(home: Any, server: Server, workers: int) -> None:
    """
    Decoded, with the answer or the reason for none; those of other clients are not, nor those after the end.
    """
    if server.is_running:
        assert 0 == server.stop()
    server.configure(workers)
    server.apply(SITE)
    server.start()
    ports = server.auth_port, server.acct_port
    watched, other = [Sender(address, SECRET, *ports) for address in ADDRESSES.values()]
    command = [str(COMMAND), "radius", "watch", "watched", "--count", "2", "--jsonl", "--config"]
    watching = subprocess.Popen([*command, str(server.config)], stdout=subprocess.PIPE, text=True)
    wait_for(lambda: '"packets are watched"' in server.log().rpartition('"serving"')[2])
    assert other.ask(a_stop(f"other-{workers}"))
    assert watched.ask(a_stop(f"watched-{workers}"))
    watched.send(a_stop("forged", b"another secret"))
    told, _ = watching.communicate(timeout=30)
    for sender in (watched, other):
        sender.close()

    assert 0 == watching.returncode
    answered, dropped = [json.loads(line) for line in told.splitlines()]
    assert ("answered", "Accounting-Response") == (answered["outcome"], answered["reply"]["packet"])
    assert answered["source"].startswith("127.0.0.33:")
    event = answered["request"]["event"]
    assert ("15550000001", "442071838750") == (event["calling"], event["called"])
    assert f"watched-{workers}" in json.dumps(event)
    assert ("dropped", "bad_request_authenticator") == (dropped["outcome"], dropped["reason"])
    assert SECRET.decode() not in told
    wait_for(lambda: server.log().count('"packets are watched"') % 2 == 0)  # and then no more
