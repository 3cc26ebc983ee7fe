"""SIP as a caller writes it, without any of the server's own code."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import select
import socket
from dataclasses import dataclass, field

ANSWER_LIMIT_S = 5.0
_numbers = itertools.count(1)


@dataclass(frozen=True)
class SipAnswer:
    """A response."""

    octets: bytes

    @property
    def status(self) -> int:
        """The status code."""
        return int(self.octets.split(b" ", 2)[1])

    @property
    def reason(self) -> str:
        """The reason phrase."""
        return self.octets.split(b"\r\n", 1)[0].split(b" ", 2)[2].decode()

    def header(self, name: str) -> str:
        """Return the value of a header, empty when there is none."""
        found = re.search(rf"^{name}: (.*?)\r$", self.octets.decode(), re.MULTILINE)
        return found[1] if found else ""


@dataclass
class SipCall:
    """One call attempt, by its INVITEs; *headers* are more of them, each a line."""

    called: str
    calling: str = "15550000001"
    headers: list[str] = field(default_factory=list)
    host: str = "192.0.2.200"
    call_id: str = field(default_factory=lambda: f"{os.urandom(6).hex()}@caller.example")
    number: int = 1
    branch: str = ""
    to: str = ""
    hops: int = 70

    def __post_init__(self) -> None:
        self.branch = f"z9hG4bK{next(_numbers)}-{os.urandom(4).hex()}"

    @property
    def uri(self) -> str:
        """Whom it asks for."""
        return f"sip:{self.called}@{self.host}"

    def message(self, method: str, *more: str) -> bytes:
        """Return a request of its transaction."""
        lines = [
            f"{method} {self.uri} SIP/2.0",
            f"Via: SIP/2.0/UDP caller.example;rport;branch={self.branch}",
            f"From: <sip:{self.calling}@pbx.example>;tag=caller",
            f"To: {self.to or f'<{self.uri}>'}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {self.number} {method}",
            f"Max-Forwards: {self.hops}",
            *(self.headers if method == "INVITE" else ()),
            *more,
            "Content-Length: 0",
            "",
            "",
        ]
        return "\r\n".join(lines).encode()

    def credentials(self, asked: SipAnswer, user: str, password: str, realm: str) -> str:
        """Return the header that answers the challenge *asked*, and make the next INVITE a new one."""
        name = "Proxy-Authorization" if asked.status == 407 else "Authorization"
        challenge = asked.header("Proxy-Authenticate" if asked.status == 407 else "WWW-Authenticate")
        nonce = re.search(r'nonce="([^"]+)"', challenge)
        assert nonce is not None, challenge
        ha1, ha2 = _md5(f"{user}:{realm}:{password}"), _md5(f"INVITE:{self.uri}")
        response = _md5(f"{ha1}:{nonce[1]}:00000001:cn:auth:{ha2}")
        self.number += 1
        self.branch += "x"
        return (
            f'{name}: Digest username="{user}", realm="{realm}", nonce="{nonce[1]}", uri="{self.uri}", '
            f'response="{response}", algorithm=MD5, cnonce="cn", qop=auth, nc=00000001'
        )


class Caller:
    """A UDP socket on the address *source*, which speaks to the server's SIP port."""

    def __init__(self, source: str, port: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((source, 0))
        self.socket.connect(("127.0.0.1", port))

    def close(self) -> None:
        """Close it."""
        self.socket.close()

    def send(self, octets: bytes) -> None:
        """Send one message."""
        self.socket.send(octets)

    def receive(self, limit_s: float = ANSWER_LIMIT_S) -> SipAnswer | None:
        """Return the next response, None when none comes in time."""
        if not select.select([self.socket], [], [], limit_s)[0]:
            return None
        return SipAnswer(self.socket.recv(65_536))

    def final(self, limit_s: float = ANSWER_LIMIT_S) -> SipAnswer:
        """Return the next response that is not provisional."""
        while (answer := self.receive(limit_s)) is not None:
            if answer.status >= 200:
                return answer
        raise AssertionError("no answer")

    def ask(self, octets: bytes) -> SipAnswer:
        """Send a request that is no INVITE and return its answer."""
        self.send(octets)
        return self.final()

    def invite(self, call: SipCall, *more: str) -> SipAnswer:
        """Send the INVITE of *call*, acknowledge its final answer and return it."""
        self.send(call.message("INVITE", *more))
        answer = self.final()
        self.acknowledge(call, answer)
        return answer

    def acknowledge(self, call: SipCall, answer: SipAnswer) -> None:
        """Say that the answer has come."""
        before, call.to = call.to, answer.header("To")
        self.send(call.message("ACK"))
        call.to = before


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()
