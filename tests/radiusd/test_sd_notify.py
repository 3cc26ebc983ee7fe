"""What systemd hears from us, and when there is nobody to hear it."""

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from radiusd.sd_notify import READY, WATCHDOG, notify, watchdog_interval_s


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """A listener as systemd's, by its name in NOTIFY_SOCKET."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@tollwire-test-{tmp_path.name}"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listener:
        listener.bind(name.replace("@", "\0", 1))
        listener.settimeout(5)
        yield name, listener


def test_says_all_lines_in_one_datagram(systemd: tuple[str, socket.socket]):
    """
    Readiness and status arrive together, over a path and over an abstract name.
    """
    name, listener = systemd

    assert notify(READY, "STATUS=über 2 ports", environ={"NOTIFY_SOCKET": name})

    assert b"READY=1\nSTATUS=\xc3\xbcber 2 ports" == listener.recv(1000)


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}])
def test_is_silent_without_systemd(environ: dict[str, str]):
    """
    In a terminal, and with kinds of address that we do not speak, nothing is sent.
    """
    assert not notify(READY, environ=environ)


def test_a_socket_that_is_gone_is_no_error(tmp_path: Path):
    """
    Telling systemd never stops the server.
    """
    assert not notify(READY, environ={"NOTIFY_SOCKET": str(tmp_path / "gone")})


def test_a_full_socket_does_not_block(systemd: tuple[str, socket.socket]):
    """
    When systemd does not read, we go on at once.
    """
    name, _ = systemd
    sent = [notify(WATCHDOG, environ={"NOTIFY_SOCKET": name}) for _ in range(10_000)]

    assert sent[0]
    assert not sent[-1]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 15.0),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None),  # meant for our parent
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_watchdog_is_answered_at_half_its_time(environ: dict[str, str], expected: float | None):
    """
    Half of WatchdogSec, and only by the process that it watches.
    """
    assert expected == watchdog_interval_s(environ, pid=7)
