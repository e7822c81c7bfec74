"""Sends rows in batches of a size that suits the store; stops, skips or rolls back at bad rows."""

import time
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from http import HTTPStatus
from itertools import islice
from typing import Final, NamedTuple

from client.api import Rejected
from client.api.administration import Administration
from client.api.tables import FailedRow, Load, LoadedRows
from client.loading.sizing import MAX_BYTES, BatchSize

_MAX_FAILURES: Final = 1000

# The number of rows that are done, counted from the start of the input.
Progress = Callable[[int], None]


class Policy(StrEnum):
    """The reaction to a bad row."""

    ROLLBACK = "rollback"  # remove all rows that the load has inserted
    RESUME = "resume"  # stop; the load can continue there once the input is corrected
    SKIP = "skip"  # leave the row out


class Failure(NamedTuple):
    """A row that was not inserted."""

    row: int
    reason: str
    summary: str


class Loaded(NamedTuple):
    """The outcome of a load; `failures` has the first thousand of `failed` rows."""

    load: Load
    complete: bool
    failed: int
    failures: list[Failure]
    removed: int = 0
    kept: int = 0


async def load(
    store: Administration, started: Load, rows: Iterable[bytes], policy: Policy, progress: Progress
) -> Loaded:
    """Insert all rows after the first `started.rows`, which are done already."""
    remaining = islice(iter(rows), started.rows, None)
    return await _Loading(store, started, policy, progress).run(remaining)


class _Loading:
    def __init__(self, store: Administration, started: Load, policy: Policy, progress: Progress) -> None:
        self._store = store
        self._load = started
        self._policy = policy
        self._progress = progress
        self._size = BatchSize()
        self._failures: list[Failure] = []
        self._failed = 0

    async def run(self, rows: Iterator[bytes]) -> Loaded:
        waiting: list[bytes] = []
        while batch := _next_batch(waiting, rows, self._size.rows):
            report = await self._send(batch)
            if report is None:
                waiting = batch + waiting
            elif not report.committed:
                return await self._stopped()
        self._load = await self._store.finish_load(self._load.id)
        return Loaded(self._load, True, self._failed, self._failures)

    async def _send(self, batch: list[bytes]) -> LoadedRows | None:
        """The outcome of the batch; None if it is too large for a request."""
        began = time.monotonic()
        skip = self._policy is Policy.SKIP
        try:
            report = await self._store.load_rows(self._load.id, self._load.rows, batch, skip_bad=skip)
        except Rejected as error:
            if error.status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE or len(batch) == 1:
                raise
            self._size.halve()
            return None
        self._size.took(time.monotonic() - began, len(batch))
        self._load = report.load
        self._note(report.failed, report.failures)
        self._progress(self._load.rows)
        return report

    def _note(self, count: int, failures: list[FailedRow]) -> None:
        self._failed += count
        free = _MAX_FAILURES - len(self._failures)
        self._failures += (Failure(row.row, row.error.type, row.error.summary) for row in failures[:free])

    async def _stopped(self) -> Loaded:
        if self._policy is not Policy.ROLLBACK:
            return Loaded(self._load, False, self._failed, self._failures)
        removed, kept = await roll_back(self._store, self._load.id)
        self._load = await self._store.load(self._load.id)
        return Loaded(self._load, False, self._failed, self._failures, removed, kept)


async def roll_back(store: Administration, load_id: str) -> tuple[int, int]:
    """Remove all rows that a load has inserted; returns the counts of removed rows and of rows in use."""
    removed = kept = 0
    while True:
        step = await store.roll_back_load(load_id)
        removed, kept = removed + step.removed, kept + step.kept
        if step.done:
            return removed, kept


def _next_batch(waiting: list[bytes], rows: Iterator[bytes], limit: int) -> list[bytes]:
    """Up to `limit` rows that fit a request: first the waiting rows; those that do not fit stay waiting."""
    waiting += islice(rows, max(0, limit - len(waiting)))
    batch: list[bytes] = []
    size = 0
    for row in waiting[:limit]:
        size += len(row) + 1
        if batch and size > MAX_BYTES:
            break
        batch.append(row)
    del waiting[: len(batch)]
    return batch
