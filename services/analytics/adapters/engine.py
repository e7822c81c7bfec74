"""Runs queries in one in-memory DuckDB with a few threads."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from typing import Final, Generic, TypeVar

import duckdb

from services.analytics.adapters.tables import ArrowStream
from services.shared.errors import DeadlineExceeded, Exhausted

T = TypeVar("T")

# Opens the input of a query.
Source = Callable[[], AbstractContextManager[ArrowStream]]
# Computes the result on a connection that has the input as table `input`.
Compute = Callable[[duckdb.DuckDBPyConnection], T]

# The input is an Arrow stream and the output is small, so DuckDB needs no files, extensions or spilling.
_ISOLATION: Final = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "temp_directory": "",
}
_STOP_SECONDS: Final = 0.05


class Engine:
    """Runs at most `workers` queries at a time, while at most `queue` wait.

    All queries share `threads` threads of DuckDB and `memory_mb` MiB of memory.
    """

    def __init__(self, *, workers: int, queue: int, threads: int, memory_mb: int) -> None:
        limits = {"threads": str(threads), "memory_limit": f"{memory_mb}MiB"}
        self._duckdb = duckdb.connect(":memory:", config={**_ISOLATION, **limits})
        self._workers = ThreadPoolExecutor(workers, thread_name_prefix="query")
        self._free_places = workers + queue

    async def run(self, source: Source, compute: Compute[T]) -> T:
        """The result of `compute` on a connection that has the source as table `input`.

        If the caller is cancelled, for example by its deadline, the query stops. Exhausted TOO_MANY_QUERIES
        if too many queries wait, QUERY_TOO_LARGE if the query needs too much memory. Also raises the errors
        of the source.
        """
        if self._free_places == 0:
            raise Exhausted("too many analytics queries at once; try again later", reason="TOO_MANY_QUERIES")
        self._free_places -= 1
        loop = asyncio.get_running_loop()
        query = _Query(self._duckdb.cursor(), source, compute)
        result = self._workers.submit(query.run)
        result.add_done_callback(lambda _: loop.call_soon_threadsafe(self._free_place))
        try:
            return await asyncio.wrap_future(result)
        except asyncio.CancelledError:
            _stop(loop, query, result)
            raise

    def _free_place(self) -> None:
        self._free_places += 1

    async def close(self) -> None:
        """Wait for running queries and cancel waiting ones."""
        await asyncio.to_thread(self._workers.shutdown, cancel_futures=True)
        self._duckdb.close()


def _stop(loop: asyncio.AbstractEventLoop, query: "_Query[T]", result: "Future[T]") -> None:
    # DuckDB ignores an interrupt before a statement starts, so it is repeated until the query has ended.
    if not result.done():
        query.interrupt()
        loop.call_later(_STOP_SECONDS, _stop, loop, query, result)


class _Query(Generic[T]):
    """One query. It runs in a worker thread and can be interrupted from the event loop."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, source: Source, compute: Compute[T]) -> None:
        self._connection = connection
        self._source = source
        self._compute = compute
        self._open = True
        self._lock = threading.Lock()

    def run(self) -> T:
        # The connection refers to the stream, so it is closed first.
        with self._source() as stream, closing(self):
            try:
                self._connection.register("input", stream)
                return self._compute(self._connection)
            except duckdb.InterruptException:
                raise DeadlineExceeded("the query was stopped", reason="QUERY_STOPPED") from None
            except duckdb.OutOfMemoryException:
                raise Exhausted(
                    "the query needs too much memory; ask for a shorter range", reason="QUERY_TOO_LARGE"
                ) from None

    def interrupt(self) -> None:
        with self._lock:
            if self._open:
                self._connection.interrupt()

    def close(self) -> None:
        with self._lock:
            self._open = False
            self._connection.close()
