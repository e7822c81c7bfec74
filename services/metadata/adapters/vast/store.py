"""The VAST store: rules run on threads, and those that wait at the same time share a transaction."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from services.metadata.adapters.vast.changes import Changes
from services.metadata.adapters.vast.opening.opening import Opening
from services.metadata.adapters.vast.queries import Missing
from services.metadata.adapters.vast.reading.cache import LearnTimes, RowCache
from services.metadata.adapters.vast.reading.quiet import WRITERS
from services.metadata.adapters.vast.reading.refreshing import Refreshing
from services.metadata.adapters.vast.running.readers import Readers
from services.metadata.adapters.vast.running.workers import Workers, as_unavailable
from services.metadata.adapters.vast.running.writers import Writers
from services.metadata.adapters.vast.tables import VastTables
from services.metadata.adapters.vast.writing.fence import Fence
from services.metadata.adapters.vast.writing.locks import Locks
from services.metadata.application.ports import Slow, Stepwise, Tables
from services.shared import freshness
from services.shared.errors import TamsError, Unavailable
from services.shared.telemetry.metrics import COUNTS, Distribution, Metrics
from services.vast_client.cluster import Cluster
from services.vast_client.failures import Failure, Unknown
from services.vast_client.filters.filters import EVERYTHING
from services.vast_client.plans import Kind
from services.vast_client.transactions.transaction import Transaction

T = TypeVar("T")


class VastStore:
    """Runs rules on the tables of a schema. Calls are Unavailable until `open_as` gets the locks."""

    def __init__(
        self, cluster: Cluster, cache: RowCache, max_waiting: int, metrics: Metrics | None = None
    ) -> None:
        self.cluster = cluster
        self.cache = cache
        self.on_unknown: Callable[[], None] = lambda: None
        self.refreshing = Refreshing(cluster, self._forget)
        self._loop = asyncio.get_running_loop()
        self._cached = VastTables.of(cluster, cache, Changes())
        self._readers = Readers(cluster, cache, self.refreshing, self._failed)
        self._writers = Writers(
            cluster,
            cache,
            self.refreshing,
            failed=self._failed,
            max_waiting=max_waiting,
            group_sizes=_group_sizes(metrics or Metrics()),
        )

    @property
    def ready(self) -> bool:
        """True if the tables can be used."""
        return self._writers.locks is not None

    @property
    def waiting_writes(self) -> int:
        """The number of changes that wait to be committed."""
        return self._writers.waiting

    @property
    def fence(self) -> Fence:
        """The row of the thread that writes groups."""
        return self._writers.fence

    def open_as(self, locks: Locks | None) -> None:
        """Use the tables, which may be new, with their locks. With None, calls are Unavailable until then."""
        self.cache.clear()
        self._writers.open_as(locks)

    async def read(self, query: Callable[[Tables], T]) -> T:
        """The result of a short query. It runs on the event loop if the cache has all its rows."""
        try:
            return query(self._cached)
        except Missing:
            return await self._run(self._readers.points, query)

    async def scan(self, query: Callable[[Tables], T]) -> T:
        """The result of a long query, in a transaction of its own."""
        return await self._run(self._readers.scans, query)

    async def probe(self) -> None:
        """Read a row in a transaction of its own; Unavailable if no endpoint responds."""
        if not self.ready:
            raise _not_ready()
        try:
            await asyncio.to_thread(self.cluster.run, _read_a_row, Kind.POINT)
        except Failure as failure:
            raise as_unavailable(failure) from failure

    async def write(self, change: Callable[[Tables], T]) -> T:
        """The result of a change, after its commit."""
        slow = isinstance(change, Slow | Stepwise)
        return await self._run(self._writers.slow if slow else self._writers.groups, change)

    async def close(self) -> None:
        """Run the waiting rules, then close the connections."""
        await self._writers.finish()
        await self._readers.finish()
        await asyncio.to_thread(self._close)

    def complete_locks(self, cluster: Cluster) -> None:
        """Add missing rows of locks. All processes use them within seconds."""
        locks = self._writers.locks
        if locks is not None and locks.complete(cluster):
            self.refreshing.announce()

    async def _run(self, workers: Workers, rule: Callable[[Tables], T]) -> T:
        if not self.ready:
            raise _not_ready()
        recent: LearnTimes = {}
        try:
            result = await workers.run(rule, freshness.not_before.get(), recent)
        except TamsError:
            self._report(recent)  # an error, such as NotFound, may follow from new rows too
            raise
        self._report(recent)
        return result

    def _report(self, recent: LearnTimes) -> None:
        if recent:
            freshness.report(self.cache.recent_rows(recent))

    def _forget(self) -> None:
        self.cluster.catalog.refresh()
        self.cache.clear()
        if self._writers.locks is not None:
            self._writers.locks.forget()

    def _close(self) -> None:
        self._writers.leave()
        self.cluster.close()

    def _failed(self, error: BaseException) -> None:
        if isinstance(error, Unknown):
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self.on_unknown)


def _not_ready() -> Unavailable:
    return Unavailable(
        "the tables are not ready: the database is unreachable, or they are being created",
        reason="STORE_UNAVAILABLE",
    )


def _read_a_row(transaction: Transaction) -> None:
    transaction.select(WRITERS.table, ["id"], EVERYTHING, kind=Kind.POINT, limit=1)


@asynccontextmanager
async def open_vast_store(
    cluster: Cluster,
    *,
    cache_entries: int,
    cache_seconds: float,
    max_waiting: int,
    single_writer: bool = False,
    metrics: Metrics | None = None,
) -> AsyncIterator[VastStore]:
    """The store on a cluster, whose tables are created or completed. StartupError if that is impossible.

    While the database is unreachable, the store is not `ready`. If a cluster does not refuse conflicting
    updates, several writers could make segments overlap, so `single_writer` is required then.
    """
    store = VastStore(cluster, RowCache(cache_entries, cache_seconds, metrics=metrics), max_waiting, metrics)
    opening = Opening(cluster, single_writer=single_writer)
    store.on_unknown = opening.doubt
    try:
        async with opening.beside(store.open_as):
            yield store
    finally:
        await store.close()


def _group_sizes(metrics: Metrics) -> Distribution:
    return metrics.histogram(
        "tams_store_group_size", "Changes that were committed together.", bounds=COUNTS
    ).cell()
