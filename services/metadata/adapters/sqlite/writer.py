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
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from services.shared.errors import Exhausted, TamsError, Unavailable

_MAX_GROUP: Final = 512
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
        self._waiting: queue.Queue[_Job | None] = queue.Queue(max_waiting)
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    async def run(self, change: Callable[[], Any]) -> Any:
        """The change's result, once committed. Exhausted when too many changes wait."""
        future: asyncio.Future[Any] = self._loop.create_future()
        try:
            self._waiting.put_nowait(_Job(change, future))
        except queue.Full:
            raise Exhausted("too many writes are waiting", reason="WRITES_WAITING") from None
        return await future

    async def close(self) -> None:
        """Finish what waits and stop."""
        await asyncio.to_thread(self._waiting.put, None)
        await asyncio.to_thread(self._thread.join)
        self._connection.close()

    def _work(self) -> None:
        while (group := self._group()) is not None:
            outcomes = self._commit(group)
            try:
                self._loop.call_soon_threadsafe(_settle, outcomes)
            except RuntimeError:
                return  # the loop is closed: nobody waits any more

    def _group(self) -> list[_Job] | None:
        first = self._waiting.get()
        if first is None:
            return None
        group = [first]
        while len(group) < _MAX_GROUP:
            try:
                job = self._waiting.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._waiting.put(None)
                break
            group.append(job)
        return group

    def _commit(self, group: list[_Job]) -> list[_Outcome]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            outcomes = [self._attempt(job) for job in group if not job.future.cancelled()]
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            _log.exception("a group of changes failed")
            self._undo("ROLLBACK")
            return [_Outcome(job.future, None, _away(error)) for job in group]
        return outcomes

    def _attempt(self, job: _Job) -> _Outcome:
        self._connection.execute("SAVEPOINT change")
        try:
            result = job.change()
        except sqlite3.OperationalError:
            raise  # disk full, I/O error, lock lost: the whole group fails
        except Exception as error:  # noqa: BLE001 - whatever a change raises belongs to its caller
            self._undo("ROLLBACK TO change")
            self._connection.execute("RELEASE change")
            return _Outcome(job.future, None, error)
        self._connection.execute("RELEASE change")
        return _Outcome(job.future, result, None)

    def _undo(self, statement: str) -> None:
        if self._connection.in_transaction:
            self._connection.execute(statement)


def _settle(outcomes: list[_Outcome]) -> None:
    for future, result, error in outcomes:
        if future.done():
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


def _away(error: sqlite3.Error) -> TamsError:
    return Unavailable(f"the database failed: {error}", reason="STORE_UNAVAILABLE")
