"""Bulk loads: many rows in batches, each batch one transaction.

The progress of a load is committed together with its rows: the number of rows that were handled, and the keys
of those that were inserted. So a load that was interrupted continues from that number, a batch that is sent
again is recognised, and a rollback removes exactly the rows that were inserted.
"""

import asyncio
import time
from collections.abc import Collection
from typing import Final, NamedTuple

import msgspec

from services.metadata.application.audit.recording import record
from services.metadata.application.clock import Clock, authored_moment
from services.metadata.application.loads.batches import (
    BadRows,
    Batch,
    Insertion,
    Report,
    encode_keys,
    load_ended,
    read_rows,
    require_load,
    rows_between,
)
from services.metadata.application.loads.kinds import Step
from services.metadata.application.loads.rows import row_kinds
from services.metadata.application.parts import MIN_SIZE, in_parts
from services.metadata.application.ports import Divisible, Slow, Stepwise, Store, Tables
from services.metadata.domain.load import Keys, Kind, Load, State
from services.metadata.domain.objects.external_url import WEB
from services.shared.errors import FailedPrecondition, InvalidArgument
from services.shared.ids import is_uuid

# The time that one call works on a rollback.
_ROLLBACK_SECONDS: Final = 2.0
_MAX_LISTED: Final = 1000
# Loads that do not change for this long are forgotten.
_RETENTION_MS: Final = 30 * 24 * 3600 * 1000

_decode: Final = msgspec.msgpack.Decoder(Keys).decode


class RolledBack(NamedTuple):
    """The progress of a rollback. `removed` and `kept` are the numbers of rows that this call handled."""

    load: Load
    done: bool
    removed: int
    kept: int


class BulkLoads:
    """Starts, continues, finishes and rolls back loads. URLs of segments may have one of `url_schemes`."""

    def __init__(self, store: Store, clock: Clock, url_schemes: Collection[str] = WEB) -> None:
        self._store = store
        self._clock = clock
        self._kinds = row_kinds(url_schemes)

    async def start(self, load_id: str, kind: Kind) -> Load:
        """The load with the id, created if it does not exist.

        InvalidArgument BAD_LOAD if the id is malformed, FailedPrecondition LOAD_KIND if its kind differs.
        """
        if not is_uuid(load_id):
            raise InvalidArgument("the id of a load must be a UUID", reason="BAD_LOAD", path="$.id")
        now = authored_moment(self._clock)

        def change(tables: Tables) -> Load:
            load = tables.loads.get(load_id)
            if load is None:
                tables.loads.expire(now.ms - _RETENTION_MS)
                load = Load(id=load_id, kind=kind, changed_ms=now.ms)
                tables.loads.put(load)
                record(tables, now, "loads.start", f"load:{load_id}", {"kind": load.kind})
            if load.kind is not kind:
                raise FailedPrecondition(f"the load with this id is one of {load.kind}", reason="LOAD_KIND")
            return load

        return await self._store.write(change)

    async def get(self, load_id: str) -> Load:
        """The load; NotFound LOAD_NOT_FOUND if it does not exist."""
        return await self._store.read(lambda tables: require_load(tables, load_id))

    async def latest(self) -> list[Load]:
        """Up to 1000 loads, the last changed first."""
        return await self._store.scan(lambda tables: tables.loads.latest(_MAX_LISTED))

    async def load(self, batch: Batch) -> Report:
        """Insert the rows of a batch. If a row fails, none is inserted, unless the batch skips bad rows.

        If others keep writing the same rows, a batch is committed in parts. Then a row that became bad
        meanwhile rolls back its part, but not the parts before it; the load has the number of rows that were
        handled. The errors are those of `read_rows` and of Insertion, except BadRows.
        """
        kind = self._kinds[(await self.get(batch.load_id)).kind]
        read = await asyncio.to_thread(read_rows, kind, batch.rows)
        now = authored_moment(self._clock)

        async def write(begin: int, end: int) -> Report:
            def steps() -> list[Step]:
                return kind.steps(rows_between(read.rows, begin, end), now.anonymous)

            insertion = Insertion(batch, kind, read, end, now)
            change: Stepwise[Report] = Stepwise(insertion, steps)
            if end - begin > MIN_SIZE:
                change = Divisible(insertion, steps)
            try:
                return await self._store.write(change)
            except BadRows as bad:
                return Report(bad.load, False, False, bad.failures)

        reports = []
        async for report in in_parts(read.total, write):
            reports.append(report)
            if not report.committed:
                break
        return reports[-1]._replace(failures=[failure for report in reports for failure in report.failures])

    async def finish(self, load_id: str) -> Load:
        """Finish a load and forget the keys of its rows, so that it cannot be rolled back any more.

        NotFound LOAD_NOT_FOUND, FailedPrecondition LOAD_ENDED.
        """
        now = authored_moment(self._clock)

        def change(tables: Tables) -> Load:
            load = require_load(tables, load_id)
            if load.state is State.ROLLED_BACK:
                raise load_ended(load)
            load = msgspec.structs.replace(load, state=State.DONE, changed_ms=now.ms)
            tables.loads.put(load)
            tables.loads.forget_keys(load_id)
            record(
                tables, now, "loads.finish", f"load:{load_id}", {"rows": load.rows, "inserted": load.inserted}
            )
            return load

        return await self._store.write(change)

    async def roll_back(self, load_id: str) -> RolledBack:
        """Remove rows that a load inserted, the last first, for up to two seconds; repeat until it is done.

        NotFound LOAD_NOT_FOUND, FailedPrecondition LOAD_ENDED.
        """
        end = time.monotonic() + _ROLLBACK_SECONDS
        removed = kept = 0
        while True:
            step = await self._undo(load_id)
            removed, kept = removed + step.removed, kept + step.kept
            if step.done or time.monotonic() >= end:
                return RolledBack(step.load, step.done, removed, kept)

    async def _undo(self, load_id: str) -> RolledBack:
        now = authored_moment(self._clock)

        def change(tables: Tables) -> RolledBack:
            load = require_load(tables, load_id)
            if load.state is State.DONE:
                raise load_ended(load)
            load = msgspec.structs.replace(load, state=State.ROLLED_BACK, changed_ms=now.ms)
            tables.loads.put(load)
            last = tables.loads.last_keys(load_id)
            if last is None:
                record(
                    tables, now, "loads.roll_back", f"load:{load_id}", {"done": True, "removed": 0, "kept": 0}
                )
                return RolledBack(load, True, 0, 0)
            number, keys = last
            undone = self._kinds[load.kind].undo(tables, _decode(keys), now.anonymous)
            remaining = undone.remaining
            has_more = remaining.ids or remaining.stretches
            tables.loads.put_keys(load_id, number, encode_keys(remaining) if has_more else None)
            facts = {"done": False, "removed": undone.removed, "kept": undone.kept}
            record(tables, now, "loads.roll_back", f"load:{load_id}", facts)
            return RolledBack(load, False, undone.removed, undone.kept)

        return await self._store.write(Slow(change))
