"""The single writer: a thread that commits waiting changes in groups.

A commit costs a flush of the disk. Changes that arrive during a commit share the next one, so that they pay
for one flush together. Each change runs in a savepoint of its own, so an error rolls back only this change.

Slow changes wait in a queue of their own. They are committed one by one, in turn with groups of quick
changes. So a change waits for one slow change at most, and the callers of a group get their results before
the next slow change begins.
"""

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple, TypeVar

from services.metadata.adapters.sqlite.file import faults
from services.metadata.adapters.sqlite.file.database import Database
from services.metadata.adapters.sqlite.file.refusal import Refusal
from services.shared.errors import DataDamaged, Exhausted, TamsError, Unavailable
from services.shared.outcomes import Outcome, settle
from services.shared.telemetry.metrics import COUNTS, Distribution

# A group ends at the first of these limits, so that small changes do not wait long for large ones, and
# callers prepare their next changes while others are written.
_MAX_GROUP: Final = 512
_GROUP_SECONDS: Final = 0.005
# On a slow disk a group lasts four times as long as a flush, so flushes take a fifth of the time at most.
_GROUP_FLUSHES: Final = 4
_MAX_GROUP_SECONDS: Final = 0.1
_log = logging.getLogger(__name__)

T = TypeVar("T")


class _Job(NamedTuple):
    change: Callable[[], object]
    future: asyncio.Future[Any]
    slow: bool


class Writer:
    """Runs changes one after the other, and commits them in groups."""

    def __init__(self, database: Database, max_waiting: int, group_sizes: Distribution | None = None) -> None:
        self.refusal = Refusal()
        self._database = database
        self._connection = connection = database.connection
        self._execute = connection.execute
        # The number of rows that committed groups changed. A group that changes no row needs no flush.
        self._committed_changes = connection.total_changes
        self._max_waiting = max_waiting
        self._group_sizes = group_sizes or Distribution(COUNTS)
        self._waiting: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._slow: deque[_Job] = deque()
        self._loop = asyncio.get_running_loop()
        self._flush_seconds = 0.0
        self._closing = False
        self._stopped = False
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    async def run(self, change: Callable[[], T], *, slow: bool = False) -> T:
        """The result of the change, after its commit.

        Exhausted WRITES_WAITING if too many changes wait. Unavailable if the file cannot be written.
        """
        if self._closing:
            raise Unavailable("the store is closing", reason="STORE_UNAVAILABLE")
        if self.waiting >= self._max_waiting:
            raise Exhausted("too many writes are waiting", reason="WRITES_WAITING")
        future: asyncio.Future[T] = self._loop.create_future()
        self._waiting.put(_Job(change, future, slow))
        return await future

    @property
    def waiting(self) -> int:
        """The number of changes that wait."""
        return self._waiting.qsize() + len(self._slow)

    async def finish(self) -> None:
        """Commit the waiting changes, then stop the thread."""
        self._closing = True
        self._waiting.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        while first := self._next():
            if not self._deliver(self._commit(self._group(first))):
                return
            if not first.slow and self._slow and not self._deliver(self._commit([self._slow.popleft()])):
                return

    def _next(self) -> _Job | None:
        """The next quick change, or a slow one if no quick one waits; None after the last one."""
        while not self._stopped and not (self._slow and self._waiting.empty()):
            job = self._waiting.get()
            if job is None:
                self._stopped = True
            elif job.slow:
                self._slow.append(job)
            else:
                return job
        return self._slow.popleft() if self._slow else None

    def _group(self, first: _Job) -> Iterator[_Job]:
        """The change and the waiting ones that belong into the same commit."""
        yield first
        seconds = max(_GROUP_SECONDS, _GROUP_FLUSHES * self._flush_seconds)
        deadline = time.monotonic() + min(seconds, _MAX_GROUP_SECONDS)
        for _ in range(0 if first.slow else _MAX_GROUP - 1):
            if self._waiting.empty() or time.monotonic() > deadline:
                return
            job = self._waiting.get()
            if job is None:
                self._stopped = True
                return
            if job.slow:
                self._slow.append(job)
            else:
                yield job

    def _commit(self, jobs: Iterable[_Job]) -> list[Outcome]:
        attempted: list[_Job] = []
        try:
            self.refusal.check()
            self._execute("BEGIN IMMEDIATE")
            outcomes = []
            for job in jobs:
                attempted.append(job)
                if not job.future.cancelled():
                    outcomes.append(self._attempt(job))
            self._flush()
        except Exception as error:  # noqa: BLE001 - no error may end the thread
            fault = self._fault_of_group(error)
            self._roll_back()
            return [Outcome(job.future, None, fault) for job in attempted or jobs]
        self._group_sizes.observe(len(attempted))
        return outcomes

    def _flush(self) -> None:
        changes = self._connection.total_changes
        commits = self._database.count_commit() if changes != self._committed_changes else 0
        started = time.monotonic()
        self._execute("COMMIT")
        self._flush_seconds = time.monotonic() - started
        if commits:
            self._committed_changes = self._connection.total_changes
            self._database.note_commit(commits)

    def _fault_of_group(self, error: Exception) -> TamsError:
        """The error for the callers of a group that failed. It is logged unless it is a refusal."""
        if isinstance(error, TamsError):
            return error
        fault = faults.engine_fault(error, self._database.path, self._database.max_bytes)
        if fault is None or fault.reason not in faults.REFUSALS:
            _log.error("a group of changes failed", exc_info=error)
        fault = fault or Unavailable(f"the database failed: {error}", reason="STORE_UNAVAILABLE")
        self.refusal.note(fault)
        return fault

    def _attempt(self, job: _Job) -> Outcome:
        self._execute("SAVEPOINT change")
        try:
            outcome = Outcome(job.future, job.change(), None)
        except Exception as error:
            if not self._connection.in_transaction:
                raise  # SQLite rolled back the transaction, as it may on a full disk, so the group fails.
            self._execute("ROLLBACK TO change")
            outcome = Outcome(job.future, None, self._fault_of_change(error))
        self._execute("RELEASE change")
        return outcome

    def _fault_of_change(self, error: Exception) -> Exception:
        """The error for the caller of a single change that failed."""
        fault = faults.engine_fault(error, self._database.path, self._database.max_bytes)
        if fault is None:
            return error
        self.refusal.note(fault)
        if isinstance(fault, DataDamaged):
            _log.error("stored data is damaged", extra={"reason": fault.summary})
        return fault

    def _deliver(self, outcomes: list[Outcome]) -> bool:
        """Return the results to the callers; False if the event loop is closed, so that no caller waits."""
        try:
            self._loop.call_soon_threadsafe(settle, outcomes)
        except RuntimeError:
            return False
        return True

    def _roll_back(self) -> None:
        if not self._connection.in_transaction:
            return
        try:
            self._execute("ROLLBACK")
        except sqlite3.Error:
            _log.exception("cannot roll back")  # The next BEGIN fails, so the rollback is tried again.
