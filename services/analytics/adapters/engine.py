"""One in-memory DuckDB, and the few threads that queries run in."""

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

Source = Callable[[], AbstractContextManager[ArrowStream]]
Compute = Callable[[duckdb.DuckDBPyConnection], T]

# Input comes as Arrow streams and output is small: no file, no extension, no spill.
_CLOSED: Final = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "temp_directory": "",
}
_STOP_SECONDS: Final = 0.05


class Engine:
    """Runs queries, at most `workers` at a time with `queue` waiting; they share one memory limit."""

    def __init__(self, *, workers: int, queue: int, threads: int, memory_mb: int) -> None:
        limits = {"threads": str(threads), "memory_limit": f"{memory_mb}MiB"}
        self._duckdb = duckdb.connect(":memory:", config={**_CLOSED, **limits})
        self._workers = ThreadPoolExecutor(workers, thread_name_prefix="query")
        self._room = workers + queue

    async def run(self, source: Source, compute: Compute[T]) -> T:
        """What `compute` returns on a connection that sees the source as table `input`.

        A caller that is cancelled, by its deadline for one, stops the query. Exhausted when too many
        queries wait, or when this one needs more memory than there is.
        """
        if self._room == 0:
            raise Exhausted("too many analytics queries at once; try again later", reason="TOO_MANY_QUERIES")
        self._room -= 1
        loop = asyncio.get_running_loop()
        query = _Query(self._duckdb.cursor(), source, compute)
        work = self._workers.submit(query.run)
        work.add_done_callback(lambda _: loop.call_soon_threadsafe(self._leave))
        try:
            return await asyncio.wrap_future(work)
        except asyncio.CancelledError:
            _stop(loop, query, work)
            raise

    def _leave(self) -> None:
        self._room += 1

    async def close(self) -> None:
        """Wait for running queries, forget waiting ones."""
        await asyncio.to_thread(self._workers.shutdown, cancel_futures=True)
        self._duckdb.close()


def _stop(loop: asyncio.AbstractEventLoop, query: "_Query[T]", work: "Future[T]") -> None:
    # DuckDB forgets an interrupt that comes before a statement starts, so repeat it until it worked.
    if not work.done():
        query.interrupt()
        loop.call_later(_STOP_SECONDS, _stop, loop, query, work)


class _Query(Generic[T]):
    """One query: runs in a worker, is interrupted from the event loop."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, source: Source, compute: Compute[T]) -> None:
        self._connection = connection
        self._source = source
        self._compute = compute
        self._open = True
        self._lock = threading.Lock()

    def run(self) -> T:
        # The connection holds on to the stream, so it is closed first.
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
