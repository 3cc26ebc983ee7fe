"""Count what arrives from each client and what becomes of it, in the terms of RFC 4669 and RFC 4671."""

from __future__ import annotations

from radiusd.radius.assigned import Code
from radiusd.radius.discards import CountedAs, Reason
from radiusd.radius.habits import Habits


class ClientCounters:
    """
    The counts of one client on one port.

    Requests that still wait for their answer are *requests* less *duplicates*,
    *responses* and everything in *discarded*.
    """

    __slots__ = ("discarded", "duplicates", "habits", "replies", "requests", "status_requests")

    def __init__(self) -> None:
        self.requests = 0  # all that came, Status-Server excepted (RFC 5997, 4.5)
        self.duplicates = 0
        self.status_requests = 0
        self.replies: dict[int, int] = {}  # by Code; a repeated answer counts once
        self.discarded: dict[Reason, int] = {}
        self.habits = Habits()

    @property
    def responses(self) -> int:
        """Answers given, of whatever code."""
        return sum(self.replies.values())

    def replied(self, code: int) -> int:
        """Return how many answers of *code* were given."""
        return self.replies.get(code, 0)

    def discards(self, kind: CountedAs) -> int:
        """Return how many packets were dropped for reasons that the RFCs count as *kind*."""
        return sum(count for reason, count in self.discarded.items() if reason.counted_as is kind)


class Counters:
    """
    The counts of one port: plain integers, cheap enough for every packet.
    """

    __slots__ = ("clients", "invalid_requests")

    def __init__(self) -> None:
        self.invalid_requests = 0  # from addresses that are no client's
        self.clients: dict[int, ClientCounters] = {}  # by client id

    def of(self, client_id: int) -> ClientCounters:
        """Return the counts of a client, from zero when it is new."""
        found = self.clients.get(client_id)
        if found is None:
            found = self.clients[client_id] = ClientCounters()
        return found

    def arrived(self, client_id: int, datagram: bytes) -> None:
        """Count a packet from a known client, before anything is known about it."""
        counts = self.of(client_id)
        if datagram[:1] == _STATUS_SERVER:
            counts.status_requests += 1
        else:
            counts.requests += 1

    def replied(self, client_id: int, code: int) -> None:
        """Count an answer that was sent for the first time."""
        replies = self.of(client_id).replies
        replies[code] = replies.get(code, 0) + 1

    def discarded(self, client_id: int | None, reason: Reason) -> None:
        """Count a packet that gets no answer; *client_id* is None for a stranger's."""
        if client_id is None:
            self.invalid_requests += 1
            return
        discarded = self.of(client_id).discarded
        discarded[reason] = discarded.get(reason, 0) + 1


_STATUS_SERVER = bytes((Code.STATUS_SERVER,))
