"""Bulk loads: many rows in batches, each batch one transaction.

What a load has done is committed with the rows themselves: how much of its input is done with, and the
keys of what it inserted. So a load that broke off anywhere goes on from that count, a batch that is sent
again is recognised, and a rollback removes exactly what was inserted.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from services.metadata.application.clock import Clock, moment
from services.metadata.application.load_kinds import Inserted
from services.metadata.application.load_rows import ROW_KINDS
from services.metadata.application.ports import Stepwise, Store, Tables
from services.metadata.application.registering import Failed
from services.metadata.domain.jsons import decode
from services.metadata.domain.load import Keys, Kind, Load, State
from services.shared.errors import FailedPrecondition, InvalidArgument, NotFound, TamsError
from services.shared.ids import is_uuid

MAX_ROWS: Final = 100_000
_ROLLBACK_SECONDS: Final = 2.0
_KEPT_MS: Final = 30 * 24 * 3600 * 1000

_rows: Final = msgspec.json.Decoder(list[msgspec.Raw])
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Keys).decode


class Batch(NamedTuple):
    """Rows of a load, and their place in its input."""

    load_id: str
    first_row: int
    rows: bytes
    skip_bad: bool = False


class Report(NamedTuple):
    """What became of a batch. Failures are told by their place in the batch."""

    load: Load
    committed: bool
    repeated: bool
    failed: list[Failed]


class RolledBack(NamedTuple):
    """How far a rollback is."""

    load: Load
    done: bool
    removed: int
    kept: int


class _Bad(Exception):
    """Rolls back a batch that has bad rows."""

    def __init__(self, load: Load, failed: list[Failed]) -> None:
        super().__init__()
        self.load = load
        self.failed = failed


class BulkLoads:
    """Begins, continues, ends and undoes loads."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def start(self, load_id: str, kind: Kind) -> Load:
        """A new load, or the one of that id as it is."""
        if not is_uuid(load_id):
            raise InvalidArgument("the id of a load is a UUID", reason="BAD_LOAD", path="$.id")
        now = moment(self._clock)

        def change(tables: Tables) -> Load:
            load = tables.loads.get(load_id)
            if load is None:
                tables.loads.expire(now.ms - _KEPT_MS)
                load = Load(id=load_id, kind=kind, changed_ms=now.ms)
                tables.loads.put(load)
            if load.kind is not kind:
                raise FailedPrecondition(f"the load is of {load.kind}", reason="LOAD_KIND")
            return load

        return await self._store.write(change)

    async def get(self, load_id: str) -> Load:
        """A load as it is."""
        return await self._store.read(lambda tables: _known(tables, load_id))

    async def load(self, batch: Batch) -> Report:
        """Insert the rows of a batch: all of them or, unless bad ones are to be skipped, none."""
        kind = (await self.get(batch.load_id)).kind
        read = await asyncio.to_thread(_read, kind, batch.rows)
        now = moment(self._clock)

        def change(tables: Tables) -> Report:
            load = _open(tables, batch.load_id)
            if batch.first_row + read.total <= load.rows and read.total:
                return Report(load, True, True, [])
            if batch.first_row != load.rows:
                raise FailedPrecondition(
                    f"{load.rows} rows are loaded: go on there", reason="LOAD_GAP", rows=str(load.rows)
                )
            inserted = ROW_KINDS[kind].insert(tables, read.rows, now)
            failed = sorted([*read.failed, *inserted.failed], key=lambda one: one.index)
            if failed and not batch.skip_bad:
                raise _Bad(load, failed)
            return Report(_advance(tables, load, read.total, inserted, now.ms), True, False, failed)

        try:
            return await self._store.write(Stepwise(change, lambda: ROW_KINDS[kind].steps(read.rows, now)))
        except _Bad as bad:
            return Report(bad.load, False, False, bad.failed)

    async def finish(self, load_id: str) -> Load:
        """End a load: what it inserted is not remembered any more."""
        now = moment(self._clock)

        def change(tables: Tables) -> Load:
            load = _known(tables, load_id)
            if load.state is State.ROLLED_BACK:
                raise _ended(load)
            load = msgspec.structs.replace(load, state=State.DONE, changed_ms=now.ms)
            tables.loads.put(load)
            tables.loads.forget_keys(load_id)
            return load

        return await self._store.write(change)

    async def roll_back(self, load_id: str) -> RolledBack:
        """Remove some of what a load inserted, the last first."""
        end = time.monotonic() + _ROLLBACK_SECONDS
        removed = kept = 0
        while True:
            step = await self._undo(load_id)
            removed, kept = removed + step.removed, kept + step.kept
            if step.done or time.monotonic() >= end:
                return RolledBack(step.load, step.done, removed, kept)

    async def _undo(self, load_id: str) -> RolledBack:
        now = moment(self._clock)

        def change(tables: Tables) -> RolledBack:
            load = _known(tables, load_id)
            if load.state is State.DONE:
                raise _ended(load)
            load = msgspec.structs.replace(load, state=State.ROLLED_BACK, changed_ms=now.ms)
            tables.loads.put(load)
            last = tables.loads.last_keys(load_id)
            if last is None:
                return RolledBack(load, True, 0, 0)
            number, keys = last
            undone = ROW_KINDS[load.kind].undo(tables, _decode(keys), now)
            more = undone.left.ids or undone.left.stretches
            tables.loads.put_keys(load_id, number, _encode(undone.left) if more else None)
            return RolledBack(load, False, undone.removed, undone.kept)

        return await self._store.write(change)


class _Read(NamedTuple):
    total: int
    rows: list[tuple[int, Any]]
    failed: list[Failed]


def _read(kind: Kind, body: bytes) -> _Read:
    quick = ROW_KINDS[kind].read_all(body)
    if quick is not None and len(quick) <= MAX_ROWS:
        return _Read(len(quick), list(enumerate(quick)), [])
    documents = decode(_rows, body, "BAD_ROWS")
    if len(documents) > MAX_ROWS:
        raise InvalidArgument(f"at most {MAX_ROWS} rows at once", reason="TOO_MANY_ITEMS")
    read = ROW_KINDS[kind].read
    rows, failed = [], []
    for index, document in enumerate(documents):
        try:
            rows.append((index, read(bytes(document))))
        except TamsError as error:
            failed.append(Failed(index, error))
    return _Read(len(documents), rows, failed)


def _advance(tables: Tables, load: Load, count: int, inserted: Inserted, now_ms: int) -> Load:
    after = msgspec.structs.replace(
        load,
        rows=load.rows + count,
        inserted=load.inserted + inserted.rows,
        skipped=load.skipped + count - inserted.rows,
        changed_ms=now_ms,
    )
    tables.loads.put(after)
    # Parts are numbered by the place of the row they begin with at the latest: ascending and never twice.
    parts: Sequence[Keys] = inserted.keys.parts()
    for number, part in enumerate(parts):
        tables.loads.put_keys(load.id, load.rows + number, _encode(part))
    return after


def _known(tables: Tables, load_id: str) -> Load:
    load = tables.loads.get(load_id)
    if load is None:
        raise NotFound(f"no load {load_id[:64]!r}", reason="LOAD_NOT_FOUND")
    return load


def _open(tables: Tables, load_id: str) -> Load:
    load = _known(tables, load_id)
    if load.state is not State.OPEN:
        raise _ended(load)
    return load


def _ended(load: Load) -> FailedPrecondition:
    return FailedPrecondition(f"the load is {load.state}", reason="LOAD_ENDED")
