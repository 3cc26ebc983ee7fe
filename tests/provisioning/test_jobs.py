"""Work that takes longer than a page: begun, followed, ended."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from provisioning.jobs import KEPT, LONGEST, MOST, Jobs, State
from radiusd.errors import BadInput, NotDurable, NotFound
from tests.acceptance.process import wait_for

NOW = datetime(2026, 11, 26, tzinfo=UTC)


class Log:
    """Keeps what is said."""

    def __init__(self):
        self.lines = []

    def error(self, event, **fields):
        self.lines.append(fields["error"])


@pytest.fixture
def jobs():
    return Jobs(Log())


def begin(jobs, work, owner="ann", now=lambda: NOW):
    return jobs.begin(owner, "work", now, work)


def ended(job):
    wait_for(lambda: job.state is not State.RUNNING)
    return job.state, job.result, job.error


def test_a_job_runs_beside_and_keeps_its_result(jobs):
    """
    For who began it, and nobody else.
    """
    job = begin(jobs, lambda job: job.tell(7) or "found")

    assert (State.DONE, "found", "") == ended(job)
    assert (7, NOW) == (job.done, job.ended_at)
    assert job is jobs.find(job.id, "ann")
    assert [job] == jobs.of("ann")
    for job_id, owner in ((job.id, "bob"), ("none", "ann")):
        with pytest.raises(NotFound, match="there is no such job any more"):
            jobs.find(job_id, owner)


def test_a_job_is_cancelled(jobs):
    """
    When it says how far it is, or by what it waits for.
    """
    go = threading.Event()

    def counts(job):
        while True:
            job.tell(job.done + 1)

    def waits(job):
        job.interrupt = go.set
        assert go.wait(10)
        raise RuntimeError("interrupted")

    for work in (counts, waits):
        job = begin(jobs, work)
        wait_for(lambda job=job: job.done or job.interrupt)
        job.cancel()
        assert (State.CANCELLED, None, "it was cancelled") == ended(job)
    assert [] == jobs._log.lines


def test_a_job_that_takes_too_long_ends(jobs):
    """
    It would hold its place for good.
    """
    at = [NOW]

    def work(job):
        at[0] = NOW + LONGEST + timedelta(seconds=1)
        job.tell(1)

    state, _, error = ended(begin(jobs, work, now=lambda: at[0]))
    assert (State.CANCELLED, True) == (state, error.startswith("it took more than 15 minutes"))


def test_few_run_at_once(jobs):
    """
    One more is refused, and taken once one has ended.
    """
    go = threading.Event()
    running = [begin(jobs, lambda job: go.wait(10)) for _ in range(MOST)]
    with pytest.raises(NotDurable, match="jobs are under way, which is the most"):
        begin(jobs, lambda job: None)
    go.set()
    for job in running:
        ended(job)
    assert State.DONE is ended(begin(jobs, lambda job: None))[0]


def test_what_is_wrong_is_told_and_what_is_our_fault_is_logged(jobs):
    """
    Nothing of a fault is shown.
    """

    def wrong(job):
        raise BadInput("deck: no such")

    def fault(job):
        raise RuntimeError("secret")

    assert (State.FAILED, None, "deck: no such") == ended(begin(jobs, wrong))
    assert (State.FAILED, None, "the fault is ours, and was logged") == ended(begin(jobs, fault))
    assert ["RuntimeError('secret')"] == jobs._log.lines


def test_old_jobs_are_forgotten(jobs):
    """
    The oldest first; and all end with the process.
    """
    first = begin(jobs, lambda job: None)
    for _ in range(KEPT):
        ended(begin(jobs, lambda job: None))
    with pytest.raises(NotFound):
        jobs.find(first.id, "ann")

    def counts(job):
        while True:
            job.tell(0)

    last = begin(jobs, counts)
    jobs.end()
    assert State.CANCELLED is ended(last)[0]
