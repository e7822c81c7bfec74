"""The VAST store: rules run on threads, those that wait together in one transaction."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final, TypeVar

from services.metadata.adapters.vast.cache import RowCache
from services.metadata.adapters.vast.changes import Changes
from services.metadata.adapters.vast.fence import Fence
from services.metadata.adapters.vast.flush import flush
from services.metadata.adapters.vast.locks import Locks
from services.metadata.adapters.vast.queries import Missing
from services.metadata.adapters.vast.rounds import run_all
from services.metadata.adapters.vast.schema import TABLES
from services.metadata.adapters.vast.snapshot import Snapshot
from services.metadata.adapters.vast.tables import VastTables
from services.metadata.adapters.vast.view import View
from services.metadata.adapters.vast.workers import Job, Outcome, Settle, Workers, away
from services.metadata.application.ports import Tables
from services.shared.errors import StartupError
from services.shared.vast.cluster import Cluster
from services.shared.vast.failures import Clash, CommitUnknown, Failure, Refused
from services.shared.vast.plans import Kind
from services.shared.vast.transaction import Transaction

T = TypeVar("T")

_READERS: Final = 4
_SCANNERS: Final = 2
_GROUP: Final = 64
_MAX_READS: Final = 10_000
_MAX_SCANS: Final = 256


class VastStore:
    """Runs rules on the tables of one schema."""

    def __init__(
        self, cluster: Cluster, cache: RowCache, locks: Locks, fence: Fence, max_waiting: int
    ) -> None:
        self.cluster = cluster
        self.cache = cache
        self._locks = locks
        self._fence = fence
        self._cached = self._tables(cache, Changes())
        make = partial(Workers, most=_GROUP)
        self._readers = make("read", self._read, threads=_READERS, max_waiting=_MAX_READS)
        self._scanners = Workers("scan", self._read, threads=_SCANNERS, most=1, max_waiting=_MAX_SCANS)
        self._writers = make("write", self._write, threads=1, max_waiting=max_waiting)

    async def read(self, query: Callable[[Tables], T]) -> T:
        """The result of a short query; run where the caller is when the cache knows all it asks."""
        try:
            return query(self._cached)
        except Missing:
            result: T = await self._readers.run(query)
            return result

    async def scan(self, query: Callable[[Tables], T]) -> T:
        """The result of a long query, in a transaction of its own."""
        result: T = await self._scanners.run(query)
        return result

    async def write(self, change: Callable[[Tables], T]) -> T:
        """The result of a change, once committed."""
        result: T = await self._writers.run(change)
        return result

    async def close(self) -> None:
        """Finish what waits, then close the connections."""
        for workers in (self._writers, self._readers, self._scanners):
            await workers.finish()
        await asyncio.to_thread(self._close)

    def notices_conflicts(self) -> bool:
        """Whether the database refuses the second of two transactions that write one row."""
        return self._fence.notices_conflicts()

    def _close(self) -> None:
        with suppress(Failure):  # the row goes then with the others of processes that died
            self._fence.remove()
        self.cluster.close()

    def _tables(self, answers: Snapshot | RowCache, changes: Changes) -> Tables:
        count = self.cluster.catalog.statistics
        return VastTables.on(View(answers, changes), lambda table: count(table).rows)

    def _read(self, jobs: list[Job], settle: Settle) -> None:
        version = self.cache.version

        def work(transaction: Transaction) -> None:
            snapshot, changes = Snapshot(transaction, self.cache), Changes()
            outcomes = run_all(jobs, self._tables(snapshot, changes), snapshot, changes)
            self.cache.fill(snapshot.known_lookups(), version)
            settle(outcomes)

        self.cluster.run(work, Kind.POINT)

    def _write(self, jobs: list[Job], settle: Settle) -> None:
        try:
            settle(self.cluster.run(partial(self._commit, jobs)))
        except Refused:
            if len(jobs) == 1:
                raise
            # One of them asks what the server does not take: it shall not fail the others.
            for job in jobs:
                self._write_alone(job, settle)

    def _write_alone(self, job: Job, settle: Settle) -> None:
        try:
            self._write([job], settle)
        except Failure as failure:
            settle([Outcome(job, None, away(failure))])

    def _commit(self, jobs: Sequence[Job], transaction: Transaction) -> list[Outcome]:
        snapshot, changes = Snapshot(transaction), Changes()
        outcomes = run_all(jobs, self._tables(snapshot, changes), snapshot, changes)
        if not changes:
            return outcomes
        mark = self._fence.mark(transaction)
        self._locks.take(transaction, changes.locks)
        flush(transaction, changes, self.cluster.catalog)
        try:
            transaction.commit()
        except CommitUnknown as unknown:
            if not self._fence.passed(mark):
                raise Clash("the commit was lost") from unknown
        self.cache.written(changes)
        return outcomes


@asynccontextmanager
async def open_vast_store(
    cluster: Cluster,
    *,
    cache_entries: int,
    cache_seconds: float,
    max_waiting: int,
    single_writer: bool = False,
) -> AsyncIterator[VastStore]:
    """The store on a cluster, with its tables made or completed; StartupError when that fails.

    Without a refusal of conflicting updates, several writers could make segments overlap: a cluster that
    does not refuse is opened for a single writer alone.
    """
    try:
        await asyncio.to_thread(cluster.catalog.ensure, list(TABLES.values()))
        store = await _opened(cluster, RowCache(cache_entries, cache_seconds), max_waiting)
        if not single_writer and not await asyncio.to_thread(store.notices_conflicts):
            await store.close()
            raise StartupError(
                "this VAST does not refuse conflicting updates, so only one metadata process may write;"
                " set TAMS_METADATA_VAST_SINGLE_WRITER=true where that is so"
            )
    except Failure as failure:
        raise StartupError(f"cannot open the tables on VAST: {failure}") from None
    try:
        yield store
    finally:
        await store.close()


async def _opened(cluster: Cluster, cache: RowCache, max_waiting: int) -> VastStore:
    locks, fence = await asyncio.to_thread(lambda: (Locks(cluster), Fence(cluster)))
    return VastStore(cluster, cache, locks, fence, max_waiting)
