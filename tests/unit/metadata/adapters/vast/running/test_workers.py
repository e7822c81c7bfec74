"""Threads that run rules: their idle calls, and failures of all jobs."""

import asyncio
import threading

import pytest

from services.metadata.adapters.vast.running.workers import Job, Settle, Workers, as_unavailable
from services.metadata.adapters.vast.writing.fence import OutcomeUnknown
from services.shared.errors import Unavailable
from services.shared.outcomes import Outcome
from services.vast_client.failures import CommitUnknown, Failure, Refused, Unknown, Unreachable


def answer(jobs: list[Job], settle: Settle) -> None:
    settle([Outcome(job.future, "done", None) for job in jobs])


async def test_idle_threads_make_idle_calls_and_still_work() -> None:
    calls = threading.Semaphore(0)
    workers = Workers("w", answer, threads=1, most=8, max_waiting=8, idle=calls.release, idle_seconds=0.001)
    for _ in range(3):
        assert await asyncio.to_thread(calls.acquire, timeout=60)
    assert await workers.run(lambda _: "") == "done"
    await workers.finish()


async def test_a_failure_of_all_jobs_is_raised_to_callers_and_reported() -> None:
    failures: list[Exception] = []

    def fail(jobs: list[Job], settle: Settle) -> None:
        raise Unknown("no such table")

    workers = Workers("w", fail, threads=1, most=8, max_waiting=8, failed=failures.append)
    with pytest.raises(Unavailable):
        await workers.run(lambda _: None)
    await workers.finish()
    assert [type(failure) for failure in failures] == [Unknown]


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (OutcomeUnknown("gone"), "OUTCOME_UNKNOWN"),
        (CommitUnknown("gone"), "OUTCOME_UNKNOWN"),
        (Refused("too large"), "STORE_REFUSED"),
        (Unreachable("gone"), "STORE_UNAVAILABLE"),
    ],
)
def test_each_failure_has_its_reason(failure: Failure, reason: str) -> None:
    assert as_unavailable(failure).reason == reason
