"""Work of requests that may take minutes: in threads of its own, so that no other request waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from radiusd.errors import NotDurable

T = TypeVar("T")
MOST = 3
"""Pieces at once: they share the processor with all requests."""


class LongWork:
    """What is under way. A process that ends waits for none of it: each piece commits as it goes."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._busy = 0

    async def run(self, work: Callable[[], T]) -> T:
        """
        Return what *work* returns, or raise what it raises.

        Raises:
            NotDurable: As many pieces are under way as may be.
        """
        if self._busy >= MOST:
            raise NotDurable(f"{MOST} requests that take long are under way; try again when one is done")
        done: Deferred[T] = Deferred()

        def in_thread() -> None:
            try:
                result = work()
            except BaseException as error:
                self._reactor.callFromThread(done.errback, error)
            else:
                self._reactor.callFromThread(done.callback, result)

        self._busy += 1
        threading.Thread(target=in_thread, name="long work", daemon=True).start()
        try:
            return await done
        finally:
            self._busy -= 1
