"""Threads that run the waiting rules in groups, for callers on the event loop."""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from services.metadata.adapters.vast.writing.fence import OutcomeUnknown
from services.metadata.application.ports import Tables
from services.shared.errors import Exhausted, TamsError, Unavailable
from services.shared.freshness import NotBefore
from services.shared.outcomes import Outcome, settle
from services.vast_client.failures import Clash, CommitUnknown, Failure, Refused

_log = logging.getLogger(__name__)
_STOP: Final = None
T = TypeVar("T")


class Job(NamedTuple):
    """A rule to run, and the future for its result."""

    rule: Callable[[Tables], Any]
    future: asyncio.Future[Any]
    # The times before which cached rows for this job must not have been read.
    not_before: NotBefore | None = None
    # Recent rows that the result depends on, and that other processes may not have in their caches yet.
    recent: dict[str, float] | None = None


Settle: TypeAlias = Callable[[Sequence[Outcome]], None]
Work: TypeAlias = Callable[[list[Job], Settle], None]


class Workers:
    """Threads that pass the waiting jobs to `work`, in groups of up to `most`.

    `failed` gets the errors of `work`. `idle` is called after each `idle_seconds` without a job.
    """

    def __init__(
        self,
        name: str,
        work: Work,
        *,
        threads: int,
        most: int,
        max_waiting: int,
        failed: Callable[[Exception], None] = lambda _: None,
        idle: Callable[[], None] = lambda: None,
        idle_seconds: float | None = None,
    ) -> None:
        self._work = work
        self._most = most
        self._failed = failed
        self._idle = idle
        self._idle_seconds = idle_seconds
        self._waiting: queue.Queue[Job | None] = queue.Queue(max_waiting)
        self._loop = asyncio.get_running_loop()
        self._closing = False
        self._threads = [
            threading.Thread(target=self._serve, name=f"{name}-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def run(
        self,
        rule: Callable[[Tables], T],
        not_before: NotBefore | None = None,
        recent: dict[str, float] | None = None,
    ) -> T:
        """The result of the rule; recent rows that it depends on are added to `recent`.

        Exhausted REQUESTS_WAITING if too many jobs wait.
        """
        if self._closing:
            raise Unavailable("the store is closing", reason="STORE_UNAVAILABLE")
        future: asyncio.Future[T] = self._loop.create_future()
        try:
            self._waiting.put_nowait(Job(rule, future, not_before, recent))
        except queue.Full:
            raise Exhausted("too many requests are waiting", reason="REQUESTS_WAITING") from None
        return await future

    @property
    def waiting(self) -> int:
        """The number of jobs that wait."""
        return self._waiting.qsize()

    async def finish(self) -> None:
        """Run the waiting jobs, then stop the threads."""
        self._closing = True
        for _ in self._threads:
            await asyncio.to_thread(self._waiting.put, _STOP)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def _serve(self) -> None:
        while (first := self._next()) is not None:
            jobs = [job for job in (first, *self._others()) if not job.future.cancelled()]
            try:
                if jobs:
                    self._work(jobs, self._settle)
            except Exception as error:  # noqa: BLE001 - no error may end the thread
                _log.exception("a group of requests failed")
                self._failed(error)
                self._settle([Outcome(job.future, None, as_unavailable(error)) for job in jobs])

    def _next(self) -> Job | None:
        while True:
            try:
                return self._waiting.get(timeout=self._idle_seconds)
            except queue.Empty:
                self._idle()

    def _others(self) -> list[Job]:
        jobs: list[Job] = []
        while len(jobs) < self._most - 1:
            try:
                job = self._waiting.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._waiting.put(_STOP)  # for the next group, of this or another thread
                break
            jobs.append(job)
        return jobs

    def _settle(self, outcomes: Sequence[Outcome]) -> None:
        try:
            self._loop.call_soon_threadsafe(settle, outcomes)
        except RuntimeError:
            _log.debug("the event loop is closed, so no caller waits")


def add_recent(jobs: Sequence[Job], recent: dict[str, float]) -> None:
    """Add recent rows to each job that collects them."""
    for job in jobs:
        if job.recent is not None:
            job.recent.update(recent)


def as_unavailable(error: BaseException) -> TamsError:
    """The error for callers when the database fails."""
    if isinstance(error, CommitUnknown | OutcomeUnknown):
        return Unavailable(
            "the database did not confirm the change; read before trying again",
            reason="OUTCOME_UNKNOWN",
        )
    if isinstance(error, Refused):
        return Unavailable(f"the database refused a request: {error}", reason="STORE_REFUSED")
    if isinstance(error, Clash):
        return Unavailable("other changes kept writing the same rows; try again", reason="STORE_UNAVAILABLE")
    text = str(error) if isinstance(error, Failure) else type(error).__name__
    return Unavailable(f"the database failed: {text}", reason="STORE_UNAVAILABLE")
