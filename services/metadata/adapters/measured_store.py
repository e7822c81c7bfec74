"""A store whose queries and changes are counted, timed, and shown in traces."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.metadata.application.ports import Store, Tables
from services.shared.errors import DataDamaged, DeadlineExceeded, Exhausted, TamsError, Unavailable
from services.shared.telemetry.metrics import Distribution, Metrics
from services.shared.telemetry.spans import CLIENT, span
from services.shared.telemetry.trace import current

T = TypeVar("T")

# The errors of the engine. Others are answers of the rules.
_ENGINE: tuple[type[TamsError], ...] = (Unavailable, Exhausted, DeadlineExceeded, DataDamaged)


class MeasuredStore:
    """Runs rules on a store. `system` names the engine in spans: sqlite or vast."""

    def __init__(self, store: Store, metrics: Metrics, system: str) -> None:
        self._store = store
        self._system = system
        durations = metrics.histogram(
            "tams_store_duration_seconds", "The time of queries and changes, with their waits.", "operation"
        )
        self._errors = metrics.counter(
            "tams_store_errors", "Queries and changes that the engine failed.", "operation", "reason"
        )
        self._changes = metrics.counter("tams_changes_committed", "Changes that were committed.").cell()
        self._reads, self._scans, self._writes = map(durations.cell, ("read", "scan", "write"))

    async def read(self, query: Callable[[Tables], T]) -> T:
        """The result of a short query."""
        return await self._timed("read", self._reads, self._store.read(query))

    async def scan(self, query: Callable[[Tables], T]) -> T:
        """The result of a query that may read many rows."""
        return await self._timed("scan", self._scans, self._store.scan(query))

    async def probe(self) -> None:
        """Read a row from the database, not from a cache. Unavailable if that fails."""
        await self._store.probe()

    async def write(self, change: Callable[[Tables], T]) -> T:
        """The result of a change, after its commit."""
        result = await self._timed("write", self._writes, self._store.write(change))
        self._changes.add()
        return result

    async def _timed(self, operation: str, durations: Distribution, work: Awaitable[T]) -> T:
        started = time.perf_counter()
        trace = current.get()
        try:
            if trace is None or not trace.sampled:
                return await work
            with span(f"store {operation}", CLIENT, **{"db.system.name": self._system}):
                return await work
        except _ENGINE as error:
            self._errors.cell(operation, error.reason).add()
            raise
        finally:
            durations.observe(time.perf_counter() - started)
