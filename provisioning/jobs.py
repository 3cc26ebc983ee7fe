"""Work that takes longer than a page may: in threads, told how far it is, ended by who began it."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from radiusd.errors import NotDurable, NotFound, TollwireError

MOST = 2
"""Jobs at once: they share the processor with everybody's pages."""

KEPT = 20
"""Jobs that have ended and can still be looked at."""

LONGEST = timedelta(minutes=15)


class Cancelled(TollwireError):
    """A job was told to end. It ends."""


class State(Enum):
    """How far a job is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(slots=True)
class Job:
    """Some work: *done* of *total* are through, both in what the work counts; *result* is its own."""

    id: str
    owner: str
    title: str
    begun_at: datetime
    now: Callable[[], datetime]
    state: State = State.RUNNING
    ended_at: datetime | None = None
    done: int = 0
    total: int | None = None
    result: Any = None
    error: str = ""
    interrupt: Callable[[], None] | None = None  # ends what the work waits for: a query
    _told: threading.Event = field(default_factory=threading.Event)

    def tell(self, done: int) -> None:
        """
        Say from within the work how far it is.

        Raises:
            Cancelled: It is to end: somebody said so, or it has taken too long.
        """
        self.done = done
        self.require_wanted()

    def require_wanted(self) -> None:
        """Return while the work is to go on. Raises Cancelled."""
        if self._told.is_set():
            raise Cancelled("it was cancelled")
        if self.now() - self.begun_at > LONGEST:
            minutes = LONGEST // timedelta(minutes=1)
            raise Cancelled(f"it took more than {minutes} minutes; take less, or use the command line")

    def cancel(self) -> None:
        """Have the work end as soon as it says how far it is."""
        self._told.set()
        interrupt = self.interrupt
        if interrupt is not None:
            interrupt()

    @property
    def was_cancelled(self) -> bool:
        """Tell whether somebody said that it is to end."""
        return self._told.is_set()


class Jobs:
    """The jobs of a process: they end with it."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def begin(
        self, owner: str, title: str, now: Callable[[], datetime], work: Callable[[Job], object]
    ) -> Job:
        """
        Begin *work* in a thread and return its job.

        Raises:
            NotDurable: As many are under way as may be.
        """
        job = Job(secrets.token_urlsafe(12), owner, title, now(), now)
        with self._lock:
            if sum(each.state is State.RUNNING for each in self._jobs.values()) >= MOST:
                raise NotDurable(f"{MOST} jobs are under way, which is the most; try again when one is done")
            self._forget()
            self._jobs[job.id] = job
        threading.Thread(target=_run, args=(job, work, self._log), name=f"job {title}", daemon=True).start()
        return job

    def find(self, job_id: str, owner: str) -> Job:
        """Return a job of *owner*. Raises NotFound."""
        job = self._jobs.get(job_id)
        if job is None or job.owner != owner:
            raise NotFound("there is no such job any more; begin it again")
        return job

    def of(self, owner: str) -> list[Job]:
        """Return the jobs of *owner*, the newest first."""
        return [job for job in reversed(list(self._jobs.values())) if job.owner == owner]

    def end(self) -> None:
        """Cancel all that are under way."""
        for job in list(self._jobs.values()):
            if job.state is State.RUNNING:
                job.cancel()

    def _forget(self) -> None:
        ended = [job.id for job in self._jobs.values() if job.state is not State.RUNNING]
        for job_id in ended[: max(0, len(ended) - KEPT + 1)]:
            del self._jobs[job_id]


def _run(job: Job, work: Callable[[Job], object], log: Any) -> None:
    state = State.FAILED
    try:
        job.result = work(job)
        state = State.DONE
    except Cancelled as told:
        job.error, state = str(told), State.CANCELLED
    except TollwireError as problem:
        job.error = str(problem)
    except Exception as fault:  # whatever it is: a job that never ends would hold its place for good
        if job.was_cancelled:
            job.error, state = "it was cancelled", State.CANCELLED
        else:
            log.error("job failed", job=job.title, error=repr(fault), exc_info=fault)
            job.error = "the fault is ours, and was logged"
    job.interrupt = None
    job.ended_at = job.now()
    job.state = state
