"""The one writer: a thread that commits waiting changes in groups.

A commit costs a flush of the disk. Changes that arrive while one runs wait and share the next, so the
flush is paid once for all of them. Each change runs in a savepoint of its own: what one raises rolls
back that one alone.
"""

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from services.shared.errors import Exhausted, TamsError, Unavailable

# A group ends at whichever comes first, so that large changes do not keep small ones waiting, and callers
# that were answered prepare the next ones meanwhile.
_MAX_GROUP: Final = 512
_GROUP_SECONDS: Final = 0.005
# Where the disk is slow groups last longer, for flushes to take no more than a fifth of the time.
_GROUP_FLUSHES: Final = 4
_MAX_GROUP_SECONDS: Final = 0.1
_log = logging.getLogger(__name__)


class _Job(NamedTuple):
    change: Callable[[], Any]
    future: asyncio.Future[Any]


class _Outcome(NamedTuple):
    future: asyncio.Future[Any]
    result: Any
    error: BaseException | None


class Writer:
    """Runs changes one after the other, and commits them in groups."""

    def __init__(self, connection: sqlite3.Connection, max_waiting: int) -> None:
        self._connection = connection
        self._execute = connection.execute
        self._waiting: queue.Queue[_Job | None] = queue.Queue(max_waiting)
        self._loop = asyncio.get_running_loop()
        self._flush_seconds = 0.0
        self._closing = False
        self._stopped = False
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    async def run(self, change: Callable[[], Any]) -> Any:
        """The change's result, once committed. Exhausted when too many changes wait."""
        if self._closing:
            raise Unavailable("the store is closing", reason="STORE_UNAVAILABLE")
        future: asyncio.Future[Any] = self._loop.create_future()
        try:
            self._waiting.put_nowait(_Job(change, future))
        except queue.Full:
            raise Exhausted("too many writes are waiting", reason="WRITES_WAITING") from None
        return await future

    async def finish(self) -> None:
        """Finish what waits and stop."""
        self._closing = True
        await asyncio.to_thread(self._waiting.put, None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        while not self._stopped and (first := self._waiting.get()) is not None:
            outcomes = [] if first.future.cancelled() else self._commit(first)
            try:
                self._loop.call_soon_threadsafe(_settle, outcomes)
            except RuntimeError:
                return  # the loop is closed: nobody waits any more

    def _group(self, first: _Job) -> Iterator[_Job]:
        """The change and those that wait behind it, as far as they belong in one commit."""
        yield first
        seconds = max(_GROUP_SECONDS, _GROUP_FLUSHES * self._flush_seconds)
        deadline = time.monotonic() + min(seconds, _MAX_GROUP_SECONDS)
        for _ in range(_MAX_GROUP - 1):
            if self._waiting.empty() or time.monotonic() > deadline:
                return
            job = self._waiting.get()
            if job is None:
                self._stopped = True
                return
            yield job

    def _commit(self, first: _Job) -> list[_Outcome]:
        taken: list[_Job] = []
        try:
            self._execute("BEGIN IMMEDIATE")
            outcomes = []
            for job in self._group(first):
                taken.append(job)
                if not job.future.cancelled():
                    outcomes.append(self._attempt(job))
            self._flush()
        except Exception as error:  # noqa: BLE001 - the thread must outlive whatever happens
            _log.exception("a group of changes failed")
            self._roll_back()
            return [_Outcome(job.future, None, _away(error)) for job in taken or self._group(first)]
        return outcomes

    def _flush(self) -> None:
        started = time.monotonic()
        self._execute("COMMIT")
        self._flush_seconds = time.monotonic() - started

    def _attempt(self, job: _Job) -> _Outcome:
        self._execute("SAVEPOINT change")
        try:
            outcome = _Outcome(job.future, job.change(), None)
        except Exception as error:
            if not self._connection.in_transaction:
                raise  # the engine has given up all of it, as it may on a full disk: the group fails
            self._execute("ROLLBACK TO change")
            failed = isinstance(error, sqlite3.OperationalError)
            outcome = _Outcome(job.future, None, _away(error) if failed else error)
        self._execute("RELEASE change")
        return outcome

    def _roll_back(self) -> None:
        if not self._connection.in_transaction:
            return
        try:
            self._execute("ROLLBACK")
        except sqlite3.Error:
            _log.exception("cannot roll back")  # the next BEGIN fails, and this is tried again


def _settle(outcomes: list[_Outcome]) -> None:
    for future, result, error in outcomes:
        if future.done():
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


def _away(error: Exception) -> TamsError:
    return Unavailable(f"the database failed: {error}", reason="STORE_UNAVAILABLE")
