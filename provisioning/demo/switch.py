"""The demo's switch: asks for calls and reports them, as any switch that keeps to the RFCs does."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import as_file, files

from radiusd.radius.assigned import Attribute, Code
from radiusd.radius.client import encode_attributes, exchange, load_dictionary
from radiusd.radius.packet import Packet
from radiusd.radius.request import Request

WAITS_S = (1.0, 2.0, 4.0)  # for the answer to each copy of a request
_IDENTIFIERS = 256

Pair = tuple[str, str | int | bytes]


@dataclass(slots=True)
class DemoCall:
    """A call over the switch. *trunk* and *address* say where it comes from, when its number does not."""

    calling: str
    called: str
    trunk: str = ""
    address: str = ""
    session_id: str = field(default_factory=lambda: secrets.token_hex(8))
    call_class: bytes = b""  # what the server wants to hear again in every report
    begun_at: datetime | None = None

    def attributes(self) -> list[Pair]:
        """Return what every packet about this call says."""
        told: dict[str, str | bytes] = {
            "Acct-Session-Id": self.session_id,
            "Calling-Station-Id": self.calling,
            "Called-Station-Id": self.called,
            "NAS-Identifier": "demo-switch",
            "NAS-Port-Id": self.trunk,
            "Framed-IP-Address": self.address,
            "Class": self.call_class,
        }
        return [(name, value) for name, value in told.items() if value]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the server says to an attempt. *seconds* None: no bound."""

    accepted: bool
    seconds: int | None
    message: str


class DemoSwitch:
    """Sends packets to the ports of one server and waits for each answer. Raises NoAnswer as ``exchange``."""

    def __init__(self, host: str, auth_port: int, acct_port: int, secret: str) -> None:
        self._host = host
        self._auth_port = auth_port
        self._acct_port = acct_port
        self._secret = secret.encode()
        self._identifier = 0
        with as_file(files("dictionaries")) as folder:
            self._dictionary = load_dictionary(folder / "dictionary.rfc2866")

    def ask(self, call: DemoCall, at: datetime) -> Verdict:
        """Ask whether *call* may go ahead; a call that may keeps the server's Class."""
        pairs: list[Pair] = [*call.attributes(), ("Service-Type", "Call-Check"), _timestamp(at)]
        answer = self._send(Code.ACCESS_REQUEST, self._auth_port, pairs)
        call.call_class = answer.first(Attribute.CLASS) or b""
        return Verdict(
            accepted=answer.code == Code.ACCESS_ACCEPT,
            seconds=answer.integer(Attribute.SESSION_TIMEOUT),
            message=answer.text(Attribute.REPLY_MESSAGE) or "",
        )

    def start(self, call: DemoCall, at: datetime) -> None:
        """Report that *call* was answered."""
        call.begun_at = at
        self._report(call, "Start", at, ())

    def interim(self, call: DemoCall, at: datetime, seconds: int) -> None:
        """Report that *call* is up and has lasted *seconds*."""
        self._report(call, "Interim-Update", at, [("Acct-Session-Time", seconds)])

    def stop(self, call: DemoCall, at: datetime, seconds: int) -> None:
        """Report that *call* has ended after *seconds*."""
        cause: Pair = ("Acct-Terminate-Cause", "User-Request")
        self._report(call, "Stop", at, [("Acct-Session-Time", seconds), cause])

    def _report(self, call: DemoCall, status: str, at: datetime, more: Sequence[Pair]) -> None:
        pairs = [("Acct-Status-Type", status), *call.attributes(), _timestamp(at), *more]
        self._send(Code.ACCOUNTING_REQUEST, self._acct_port, pairs)

    def _send(self, code: Code, port: int, pairs: Sequence[Pair]) -> Packet:
        self._identifier = (self._identifier + 1) % _IDENTIFIERS
        request = Request(code, encode_attributes(self._dictionary, pairs))
        octets = request.sign(self._identifier, self._secret)
        return exchange(self._host, port, octets, self._secret, WAITS_S)


def _timestamp(at: datetime) -> Pair:
    return "Event-Timestamp", int(at.timestamp())
