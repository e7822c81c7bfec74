"""A VAST cluster in one process, for tests and trials: endpoints that share a state in memory."""

import asyncio
import threading
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from simulators.vast.database import Database
from simulators.vast.endpoints.counters import RequestCounter
from simulators.vast.endpoints.endpoint import Endpoint
from simulators.vast.endpoints.faults import Fault
from simulators.vast.tables.transactions import (
    IDLE_SECONDS,
    MissingRows,
    Reads,
    RowConflicts,
    Transactions,
)

T = TypeVar("T")

DEFAULT_VERSION = (5, 5, 0, 0)
# The longest time for starting or stopping an endpoint.
_SECONDS = 60
# Turns of the event loop in which connections close.
_TURNS = 5


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of a server. Without secrets, signatures are not checked."""

    host: str = "127.0.0.1"
    ports: Sequence[int] = (0,)
    buckets: Sequence[str] = ("vastdb",)
    secrets: Mapping[str, str] | None = None
    version: tuple[int, int, int, int] = DEFAULT_VERSION
    vips: Sequence[str] = ("127.0.0.1",)
    projection_progress: int = 100
    row_conflicts: RowConflicts = "statement"
    missing_rows: MissingRows = "ignored"
    reads: Reads = "begin"
    idle_seconds: float = IDLE_SECONDS
    first_txid: int | None = None


class Server:
    """A running cluster. Its methods may be called from all threads except its own."""

    def __init__(
        self, database: Database, endpoints: Sequence[Endpoint], loop: asyncio.AbstractEventLoop
    ) -> None:
        self.endpoints = list(endpoints)
        self.database = database
        """The state, which belongs to the server's thread while it runs."""
        self._loop = loop

    @property
    def urls(self) -> list[str]:
        """The URLs of the endpoints."""
        return [endpoint.url for endpoint in self.endpoints]

    @property
    def moved(self) -> int:
        """The number of bytes in the bodies of all requests and replies so far."""
        return sum(endpoint.moved for endpoint in self.endpoints)

    @contextmanager
    def counting(self) -> Iterator[Counter[str]]:
        """Yields a counter that has, after the block, the requests to all endpoints during the block."""
        with _counting([endpoint.requests for endpoint in self.endpoints]) as total:
            yield total

    @contextmanager
    def counting_rows(self) -> Iterator[Counter[str]]:
        """Yields such a counter for requests about rows, with keys such as "update flows"."""
        with _counting([endpoint.row_requests for endpoint in self.endpoints]) as total:
            yield total

    def add_fault(self, fault: Fault) -> None:
        """Adds a fault to all endpoints, which counts their requests together."""
        for endpoint in self.endpoints:
            endpoint.faults.add(fault)

    def clear_faults(self) -> None:
        """Removes the faults of all endpoints."""
        for endpoint in self.endpoints:
            endpoint.faults.clear()

    def stop(self, *endpoints: Endpoint) -> None:
        """Stops endpoints, or all, so that they refuse connections."""
        for endpoint in endpoints or self.endpoints:
            self._run(endpoint.close())

    def start(self, *endpoints: Endpoint) -> None:
        """Starts stopped endpoints, or all, on the same ports."""
        for endpoint in endpoints or self.endpoints:
            self._run(endpoint.listen(endpoint.host, endpoint.port))

    def restart(self) -> None:
        """Stops and starts the database. Committed rows stay, and open transactions are rolled back."""
        self.stop()
        self._run(self._forget_transactions())
        self.start()

    def take_snapshot(self, name: str, bucket: str = "vastdb") -> None:
        """Takes a snapshot of the committed tables in a bucket."""
        self._run(self._take_snapshot(bucket, name))

    async def _take_snapshot(self, bucket: str, name: str) -> None:
        self.database.take_snapshot(bucket, name)

    async def _forget_transactions(self) -> None:
        self.database.transactions.forget_all()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=_SECONDS)


@contextmanager
def _counting(counters: Sequence[RequestCounter]) -> Iterator[Counter[str]]:
    total = Counter[str]()
    with ExitStack() as stack:
        within = [stack.enter_context(counter.counting()) for counter in counters]
        yield total
    for counter in within:
        total.update(counter)


@contextmanager
def running_server(options: Options | None = None, tables: Database | None = None) -> Iterator[Server]:
    """Yields a server that runs in a thread of its own until the block ends.

    It starts with copies of the committed tables of another database, if that is given.
    """
    options = options or Options()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="vast-server")
    thread.start()
    database = Database(frozenset(options.buckets), options.version, options.vips)
    database.projection_progress = options.projection_progress
    if tables is not None:
        database.copy_tables(tables)
    _set_up(database.transactions, options)
    endpoints = [Endpoint(database, options.secrets) for _ in options.ports]
    try:
        for endpoint, port in zip(endpoints, options.ports, strict=True):
            asyncio.run_coroutine_threadsafe(endpoint.listen(options.host, port), loop).result(
                timeout=_SECONDS
            )
        yield Server(database, endpoints, loop)
    finally:
        asyncio.run_coroutine_threadsafe(_shut_down(endpoints), loop).result(timeout=_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _set_up(transactions: Transactions, options: Options) -> None:
    transactions.row_conflicts = options.row_conflicts
    transactions.missing_rows = options.missing_rows
    transactions.reads = options.reads
    transactions.idle_seconds = options.idle_seconds
    if options.first_txid is not None:
        transactions.number_from(options.first_txid)


async def _shut_down(endpoints: Sequence[Endpoint]) -> None:
    for endpoint in endpoints:
        await endpoint.close()
        endpoint.release()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    # Connections close in the next turns of the loop.
    for _ in range(_TURNS):
        await asyncio.sleep(0)
