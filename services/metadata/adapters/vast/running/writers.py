"""Threads that make changes: one for quick changes in groups, one for slow changes one by one."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

from services.metadata.adapters.vast.changes import Changes
from services.metadata.adapters.vast.reading.cache import RowCache
from services.metadata.adapters.vast.reading.learning import learn
from services.metadata.adapters.vast.reading.refreshing import Refreshing
from services.metadata.adapters.vast.reading.snapshot import Snapshot
from services.metadata.adapters.vast.running.rounds import run_all
from services.metadata.adapters.vast.running.workers import Job, Settle, Workers, add_recent, as_unavailable
from services.metadata.adapters.vast.tables import VastTables
from services.metadata.adapters.vast.writing.committing import Committer, TooLong
from services.metadata.adapters.vast.writing.fence import Fence, OutcomeUnknown
from services.metadata.adapters.vast.writing.locks import Locks
from services.metadata.adapters.vast.writing.turns import Turns
from services.metadata.application.ports import Crowded, Divisible
from services.shared.ids import new_uuid
from services.shared.outcomes import Outcome
from services.shared.telemetry.metrics import Distribution
from services.vast_client.cluster import Cluster
from services.vast_client.failures import Clash, Failure, Refused, Unreachable
from services.vast_client.transactions.transaction import Transaction
from services.vast_client.transactions.tries import ATTEMPTS

# Quick changes that share a transaction.
_GROUP: Final = 64
# Attempts of a slow change beside quick ones, before these have to wait.
_SLOW_ATTEMPTS: Final = 2
# How often an idle thread checks whether its row in `writers` has to be renewed.
_IDLE_SECONDS: Final = 15.0


class Writers:
    """Makes changes, on one thread for groups and one for slow changes."""

    def __init__(
        self,
        cluster: Cluster,
        cache: RowCache,
        refreshing: Refreshing,
        *,
        failed: Callable[[BaseException], None],
        max_waiting: int,
        group_sizes: Distribution,
    ) -> None:
        self.locks: Locks | None = None
        self._cluster = cluster
        self._cache = cache
        self._refreshing = refreshing
        self._group_sizes = group_sizes
        process = new_uuid()
        self._grouped = Committer(cluster, Fence(cluster, process))
        self._alone = Committer(cluster, Fence(cluster, process))
        self._turns = Turns()
        start_workers = partial(
            Workers, failed=failed, threads=1, max_waiting=max_waiting, idle_seconds=_IDLE_SECONDS
        )
        self.groups = start_workers("write", self._write, most=_GROUP, idle=self._renew_group_row)
        self.slow = start_workers("slow", self._write_slow, most=1, idle=self._renew_slow_row)

    @property
    def waiting(self) -> int:
        """The number of changes that wait."""
        return self.groups.waiting + self.slow.waiting

    @property
    def fence(self) -> Fence:
        """The fence of the thread for groups."""
        return self._grouped.fence

    def open_as(self, locks: Locks | None) -> None:
        """Use the tables, which may be new ones, with their locks. With None, changes fail until then."""
        for committer in (self._grouped, self._alone):
            committer.fence.forget()
        self.locks = locks

    async def finish(self) -> None:
        """Make the waiting changes, then stop the threads."""
        for workers in (self.slow, self.groups):
            await workers.finish()

    def leave(self) -> None:
        """Remove the rows of this process in `writers`."""
        with suppress(Failure):  # Other processes remove such rows too.
            self._grouped.fence.remove()
            self._alone.fence.remove()

    def _write(self, jobs: list[Job], settle: Settle) -> None:
        try:
            with self._turns.shared():
                settle(self._commit(self._grouped, jobs))
        except Refused:
            if len(jobs) == 1:
                raise
            # The server refuses one of the changes. Alone, it does not fail the others.
            for job in jobs:
                self._write_alone(job, settle)

    def _write_alone(self, job: Job, settle: Settle) -> None:
        try:
            self._write([job], settle)
        except Failure as failure:
            settle([Outcome(job.future, None, as_unavailable(failure))])

    def _write_slow(self, jobs: list[Job], settle: Settle) -> None:
        try:
            outcomes = self._commit(self._alone, jobs, _SLOW_ATTEMPTS)
        except Clash:
            # Quick changes would commit first each time.
            outcomes = _crowded(jobs) or self._commit_exclusively(jobs)
        except TooLong:
            outcomes = _crowded(jobs)
            if not outcomes:
                raise
        settle(outcomes)

    def _commit_exclusively(self, jobs: list[Job]) -> list[Outcome]:
        with self._turns.exclusive():
            return self._commit(self._alone, jobs)

    def _commit(self, committer: Committer, jobs: list[Job], attempts: int = ATTEMPTS) -> list[Outcome]:
        def apply(transaction: Transaction) -> tuple[list[Outcome], Changes]:
            snapshot, changes = Snapshot(transaction), Changes()
            # The caller may have gone while the change waited for its turn or another attempt.
            awaited = [job for job in jobs if not job.future.cancelled()]
            outcomes = run_all(awaited, VastTables.of(self._cluster, snapshot, changes), snapshot, changes)
            add_recent(jobs, learn(self._cache, snapshot, transaction.began))
            self._refreshing.check(transaction)
            return outcomes, changes

        locks = self.locks
        if locks is None:
            raise Unreachable("the tables are being created")
        try:
            committed = committer.commit(apply, locks, attempts)
        except OutcomeUnknown:
            self._cache.clear()  # so that reads show whether the change was made
            raise
        self._group_sizes.observe(len(jobs))
        if committed.changes:
            add_recent(jobs, self._cache.written(committed.changes, committed.began))
        return committed.outcomes

    def _renew_group_row(self) -> None:
        """Renew the row that shows that this process is alive, even if it does not write."""
        if self.locks is not None and self._grouped.fence.is_due:
            with suppress(Failure):  # It is tried again.
                self._grouped.fence.renew()

    def _renew_slow_row(self) -> None:
        fence = self._alone.fence
        if self.locks is not None and fence.used and fence.is_due:
            with suppress(Failure):
                fence.renew()


def _crowded(jobs: list[Job]) -> list[Outcome]:
    """Crowded for a change that its caller can make in parts; empty for other changes."""
    return [Outcome(job.future, None, Crowded()) for job in jobs if isinstance(job.rule, Divisible)]
