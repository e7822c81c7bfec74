"""Threads that run queries. Those that wait at the same time share a transaction."""

from collections.abc import Callable
from functools import partial
from typing import Final

from services.metadata.adapters.vast.changes import Changes
from services.metadata.adapters.vast.reading.cache import RowCache
from services.metadata.adapters.vast.reading.learning import learn
from services.metadata.adapters.vast.reading.refreshing import Refreshing
from services.metadata.adapters.vast.reading.snapshot import Snapshot
from services.metadata.adapters.vast.running.rounds import run_all
from services.metadata.adapters.vast.running.workers import Job, Settle, Workers, add_recent
from services.metadata.adapters.vast.tables import VastTables
from services.vast_client.cluster import Cluster
from services.vast_client.plans import Kind
from services.vast_client.transactions.transaction import Transaction

_READERS: Final = 4
_SCANNERS: Final = 2
# Short queries that share a transaction.
_GROUP: Final = 64
_MAX_READS: Final = 10_000
_MAX_SCANS: Final = 256


class Readers:
    """Runs short queries in groups, and scans one by one."""

    def __init__(
        self,
        cluster: Cluster,
        cache: RowCache,
        refreshing: Refreshing,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._cluster = cluster
        self._cache = cache
        self._refreshing = refreshing
        start_workers = partial(Workers, failed=failed)
        self.points = start_workers(
            "read", partial(self._read, Kind.POINT), threads=_READERS, most=_GROUP, max_waiting=_MAX_READS
        )
        self.scans = start_workers(
            "scan", partial(self._read, Kind.SCAN), threads=_SCANNERS, most=1, max_waiting=_MAX_SCANS
        )

    async def finish(self) -> None:
        """Run the waiting queries, then stop the threads."""
        for workers in (self.points, self.scans):
            await workers.finish()

    def _read(self, kind: Kind, jobs: list[Job], settle: Settle) -> None:
        not_before = max(self._cache.limit(job.not_before) for job in jobs)

        def work(transaction: Transaction) -> None:
            snapshot, changes = Snapshot(transaction, self._cache, not_before), Changes()
            outcomes = run_all(jobs, VastTables.of(self._cluster, snapshot, changes), snapshot, changes)
            add_recent(jobs, learn(self._cache, snapshot, transaction.began))
            settle(outcomes)
            self._refreshing.check(transaction, idle=not snapshot.serves_callers)

        self._cluster.run(work, kind)
