"""Makers for the SIP tests: requests as text, and a server whose wire is a list."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock

from radiusd.sip.message import Request, read_request
from radiusd.sip.server import Invite, SipServer, Way

HOST, OTHER_HOST, PORT = "192.0.2.1", "192.0.2.2", 5070
CLIENTS = {HOST: SimpleNamespace(id=1, name="sbc-1"), OTHER_HOST: SimpleNamespace(id=2, name="sbc-2")}


def a_request(method: str = "INVITE", *more: str, body: str = "", **changed: str | None) -> bytes:
    """Return a request; headers named in *changed* are others, or (None) missing."""
    headers: dict[str, str | None] = {
        "Via": f"SIP/2.0/UDP {HOST}:{PORT};rport;branch=z9hG4bK-1",
        "From": '"A. Caller" <sip:15550000001@pbx.example>;tag=caller',
        "To": "<sip:442079460000@192.0.2.200>",
        "Call_ID": "call-1@pbx.example",
        "CSeq": f"1 {method}",
        "Max_Forwards": "70",
    } | changed
    uri = headers.pop("uri", None) or "sip:442079460000@192.0.2.200"
    lines = [f"{method} {uri} SIP/2.0"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items() if value is not None]
    lines += [*more, f"Content-Length: {len(body)}", "", body]
    return "\r\n".join(lines).encode()


class Answer:
    """A response as its receiver reads it."""

    def __init__(self, octets: bytes) -> None:
        head, _, self.body = octets.partition(b"\r\n\r\n")
        first, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
        self.octets = octets
        version, status, self.reason = first.split(" ", 2)
        assert "SIP/2.0" == version
        self.status = int(status)
        self.headers = [tuple(line.split(": ", 1)) for line in lines]

    def __getitem__(self, name: str) -> str:
        """Return the only value of a header."""
        (value,) = (value for known, value in self.headers if known == name)
        return value


class Desk:
    """A server with two clients, and a handler that keeps what it gets."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.sent: list[tuple[bytes, int]] = []
        self.invites: list[Invite] = []
        self.dropped: list[str] = []
        self.faults: list[str] = []
        self.healthy = True
        self.fault: Exception | None = None
        self.server = SipServer(
            self.clock,
            CLIENTS.get,
            self.handle,
            lambda: self.healthy,
            lambda client, host, reason: self.dropped.append(reason),
            self,
        )

    def handle(self, invite: Invite) -> None:
        self.invites.append(invite)
        if self.fault is not None:
            raise self.fault

    def exception(self, event: str, **fields: Any) -> None:
        self.faults.append(event)

    def receive(self, octets: bytes, host: str = HOST, *, is_reliable: bool = False) -> list[Answer]:
        """Let a message arrive and return what is answered meanwhile."""
        before = len(self.sent)
        self.server.receive(octets, Way(host, PORT, is_reliable, lambda *sent: self.sent.append(sent)))
        return self.answers(before)

    def wait(self, seconds: float) -> list[Answer]:
        """Let time pass and return what is sent meanwhile."""
        before = len(self.sent)
        self.clock.pump([0.05] * round(seconds / 0.05))
        return self.answers(before)

    def answers(self, begin: int = 0) -> list[Answer]:
        return [Answer(octets) for octets, _ in self.sent[begin:]]


def read(octets: bytes) -> Request:
    """Return the request in *octets*."""
    request = read_request(octets)
    assert request is not None
    return request
