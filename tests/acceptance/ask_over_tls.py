"""
A program: ask a server over one TLS connection with the client that ends calls, and print the answers' codes.

``python -m tests.acceptance.ask_over_tls PORT SERVER_NAME CA CERTIFICATE KEY HOW_MANY``
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import react

from radiusd.radius.assigned import Attribute, Code
from radiusd.radius.radsec import SECRET
from radiusd.radius.request import Request
from radiusd.radius.stream_client import StreamClient, connection_creator, endpoint_of


def ask(reactor: Any, port: str, name: str, *files_and_count: str) -> Deferred[Any]:
    """Send as many requests at once, half of either kind, and print how many answers of each code came."""
    *files, count = files_and_count
    tls = connection_creator(name, *map(Path, files))
    client = StreamClient(reactor, endpoint_of(reactor, "127.0.0.1", int(port), tls), "the peer", SECRET)
    access = Request(Code.ACCESS_REQUEST, [(Attribute.USER_NAME, b"nobody")])
    interim = [(Attribute.ACCT_STATUS_TYPE, b"\0\0\0\3"), (Attribute.ACCT_SESSION_ID, b"x")]
    report = Request(Code.ACCOUNTING_REQUEST, interim)
    asked = [client.request(report if number % 2 else access) for number in range(int(count))]

    def answered(outcomes: list[tuple[bool, Any]]) -> None:
        codes = Counter(
            str(outcome.code) if is_good else outcome.getErrorMessage() for is_good, outcome in outcomes
        )
        print(*(f"{code}: {number}" for code, number in sorted(codes.items())), sep="\n")
        client.close()

    return DeferredList(asked, consumeErrors=True).addCallback(answered)


if __name__ == "__main__":
    react(ask, sys.argv[1:])
