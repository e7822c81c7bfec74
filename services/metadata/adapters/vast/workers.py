"""Threads that run rules, several waiting ones at a time, for callers on the event loop."""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from services.metadata.application.ports import Tables
from services.shared.errors import Exhausted, TamsError, Unavailable
from services.shared.vast.failures import Failure, Refused

_log = logging.getLogger(__name__)
_STOP: Final = None


class Job(NamedTuple):
    """A rule to run, and who waits for its result."""

    rule: Callable[[Tables], Any]
    future: asyncio.Future[Any]


class Outcome(NamedTuple):
    """What a rule returned, or raised."""

    job: Job
    result: Any
    error: BaseException | None


Settle: TypeAlias = Callable[[Sequence[Outcome]], None]
Work: TypeAlias = Callable[[list[Job], Settle], None]


class Workers:
    """Threads that take the jobs that wait, up to `most` together, and hand them to `work`."""

    def __init__(self, name: str, work: Work, *, threads: int, most: int, max_waiting: int) -> None:
        self._work = work
        self._most = most
        self._waiting: queue.Queue[Job | None] = queue.Queue(max_waiting)
        self._loop = asyncio.get_running_loop()
        self._closing = False
        self._threads = [
            threading.Thread(target=self._serve, name=f"{name}-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, rule: Callable[[Tables], Any]) -> Any:
        """The rule's result. Exhausted when too many wait."""
        if self._closing:
            raise Unavailable("the store is closing", reason="STORE_UNAVAILABLE")
        future: asyncio.Future[Any] = self._loop.create_future()
        try:
            self._waiting.put_nowait(Job(rule, future))
        except queue.Full:
            raise Exhausted("too many requests are waiting", reason="REQUESTS_WAITING") from None
        return await future

    async def finish(self) -> None:
        """Finish what waits and stop."""
        self._closing = True
        for _ in self._threads:
            await asyncio.to_thread(self._waiting.put, _STOP)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def _serve(self) -> None:
        while (first := self._waiting.get()) is not None:
            jobs = [job for job in (first, *self._others()) if not job.future.cancelled()]
            try:
                if jobs:
                    self._work(jobs, self._settle)
            except Exception as error:  # noqa: BLE001 - the thread must outlive whatever happens
                _log.exception("a group of requests failed")
                self._settle([Outcome(job, None, away(error)) for job in jobs])

    def _others(self) -> list[Job]:
        jobs: list[Job] = []
        while len(jobs) < self._most - 1:
            try:
                job = self._waiting.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._waiting.put(_STOP)  # for the next round, of this thread or another
                break
            jobs.append(job)
        return jobs

    def _settle(self, outcomes: Sequence[Outcome]) -> None:
        try:
            self._loop.call_soon_threadsafe(_tell, outcomes)
        except RuntimeError:
            _log.debug("the loop is closed: nobody waits any more")


def away(error: BaseException) -> TamsError:
    """What callers are told when the database fails."""
    if isinstance(error, Refused):
        return Unavailable(f"the database refused a request: {error}", reason="STORE_REFUSED")
    text = str(error) if isinstance(error, Failure) else type(error).__name__
    return Unavailable(f"the database failed: {text}", reason="STORE_UNAVAILABLE")


def _tell(outcomes: Sequence[Outcome]) -> None:
    for job, result, error in outcomes:
        if job.future.done():
            continue
        if error is None:
            job.future.set_result(result)
        else:
            job.future.set_exception(error)
