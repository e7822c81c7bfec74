"""Checks the tables of a VAST schema part by part, and mends rows one by one."""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Final, TypeVar

from services.metadata.adapters.vast.examination import keyless_rows, whole_tables
from services.metadata.adapters.vast.examination.flows import flows
from services.metadata.adapters.vast.examination.key_pages import Keys, keys_from
from services.metadata.adapters.vast.examination.parts import PARTS, SEGMENTS, SINGLE, WHOLE, Part
from services.metadata.adapters.vast.examination.segments import rows as segment_rows
from services.metadata.adapters.vast.examination.segments import walking
from services.metadata.adapters.vast.opening.evolution import fill_missing
from services.metadata.adapters.vast.running.workers import as_unavailable
from services.metadata.adapters.vast.store import VastStore
from services.metadata.adapters.vast.tables import VastTables
from services.metadata.application.ports import Slow, Stepwise, Tables
from services.metadata.application.ports.examination import Inconsistency, Look
from services.shared.errors import InvalidArgument
from services.shared.timerange import MIN_NS
from services.vast_client.cluster import Cluster
from services.vast_client.failures import Failure
from services.vast_client.plans import Kind

T = TypeVar("T")

_log = logging.getLogger(__name__)
# Keys whose rows are checked in one transaction.
_TOGETHER: Final = 100
# Transactions for one key. Each deletes up to 1000 segments without a flow.
_MOST_STEPS: Final = 100


class _Checked(Exception):
    """Ends a transaction without a commit, and carries the findings."""

    def __init__(self, found: list[Inconsistency]) -> None:
        super().__init__()
        self.found = found


class VastExamination:
    """Checks and mends the tables of a store."""

    first = tuple(WHOLE)
    parts = (*PARTS, *SINGLE)

    def __init__(self, store: VastStore) -> None:
        self._store = store

    async def look(self, part: str, after: str, rows: int) -> Look:
        """Check about `rows` rows of a part, from the place `after` on; "" is the beginning."""
        if part in WHOLE:
            return Look(await self._on_cluster(WHOLE[part]), 0, None)
        if part in SINGLE:
            return Look(await self._findings(SINGLE[part], [part]), 1, None)
        if part == SEGMENTS:
            return await self._check_segments(after, rows)
        keys = await self._keys(PARTS[part], after, rows)
        names = [str(key) for key in keys.values]
        found: list[Inconsistency] = []
        for at in range(0, len(names), _TOGETHER):
            found += await self._findings(PARTS[part], names[at : at + _TOGETHER])
        return Look(found, keys.rows, None if keys.after is None else str(keys.after))

    async def _check_segments(self, after: str, rows: int) -> Look:
        try:
            place = walking.Place.parse(after)
        except ValueError:
            raise _bad_place() from None
        checked = await self._on_cluster(
            lambda cluster: cluster.run(
                lambda transaction: walking.check_page(transaction, place, rows), Kind.PAGE
            )
        )
        unowned = [str(timeline) for timeline in checked.unowned]
        found = checked.found + (await self._findings(PARTS[SEGMENTS], unowned) if unowned else [])
        return Look(found, checked.rows, None if checked.after is None else str(checked.after))

    async def mend(self, table: str, row_id: str, kinds: Collection[str]) -> frozenset[str]:
        """Mend a row in small transactions, as far as it is still wrong; returns the kinds that are left."""
        if keyless_rows.KIND in kinds:
            while await self._store.write(Slow(partial(_mend_keyless, table, row_id))):
                pass
            return frozenset()
        if table == "locks":
            await self._on_cluster(self._store.complete_locks)
            return frozenset(finding.kind for finding in await self._on_cluster(whole_tables.locks))
        if "MISSING_VALUES" in kinds:
            await self._on_cluster(partial(fill_missing, table=table, column=row_id))
            self._store.cache.clear()
            return frozenset()
        if table == "flows" and segment_rows.KINDS & set(kinds):
            await self._mend_segments(row_id)
        left = await self._mend_rows(PARTS.get(table) or SINGLE[table], row_id, kinds)
        return frozenset(finding.kind for finding in left)

    async def _mend_segments(self, flow_id: str) -> None:
        start: int | None = MIN_NS
        while start is not None:
            step = partial(_mend_slice, flow_id, start)
            start = await self._store.write(Slow(step))

    async def _mend_rows(self, part: Part, row_id: str, kinds: Collection[str]) -> list[Inconsistency]:
        # Checks of rows do not find these kinds.
        counted = flows.COUNTED & set(kinds)
        for _ in range(_MOST_STEPS):
            found = await self._confirmed(part, [row_id])
            mendable = {finding.kind for finding in found if finding.mendable} | counted
            if not mendable:
                return found
            await self._store.write(partial(_mend, part, row_id, mendable))
            counted = frozenset()
        return await self._confirmed(part, [row_id])

    async def _keys(self, part: Part, after: str, rows: int) -> Keys:
        try:
            low = type(part.first)(after) if after else part.first
        except ValueError:
            raise _bad_place() from None
        return await self._on_cluster(
            lambda cluster: cluster.run(
                lambda transaction: keys_from(transaction, part.table, part.column, low, rows)
            )
        )

    async def _findings(self, part: Part, names: Sequence[str]) -> list[Inconsistency]:
        """The findings about the rows of some keys.

        Rows in the cache may be old, so findings are confirmed in a transaction.
        """
        steps = [partial(_check, part, name) for name in names]
        whole = Stepwise(
            lambda tables: [finding for step in steps for finding in step(tables)], lambda: steps
        )
        suspected = list(dict.fromkeys(finding.id for finding in await self._store.scan(whole)))
        return await self._confirmed(part, suspected) if suspected else []

    async def _confirmed(self, part: Part, names: Sequence[str]) -> list[Inconsistency]:
        def change(tables: Tables) -> None:
            raise _Checked([finding for name in names for finding in _check(part, name, tables)])

        try:
            await self._store.write(change)
        except _Checked as checked:
            return checked.found
        raise AssertionError("the change always raises")

    async def _on_cluster(self, work: Callable[[Cluster], T]) -> T:
        def run() -> T:
            try:
                return work(self._store.cluster)
            except Failure as failure:
                raise as_unavailable(failure) from failure

        return await asyncio.to_thread(run)


def _bad_place() -> InvalidArgument:
    return InvalidArgument("the place to continue at is malformed", reason="BAD_PLACE", path="$.after")


def _mend_keyless(table: str, column: str, tables: Tables) -> bool:
    assert isinstance(tables, VastTables)  # noqa: S101 - the tables of this store
    return keyless_rows.mend_keyless(tables, table, column)


def _mend_slice(flow_id: str, start: int, tables: Tables) -> int | None:
    assert isinstance(tables, VastTables)  # noqa: S101 - the tables of this store
    return walking.mend_slice(tables, flow_id, start)


def _check(part: Part, name: str, tables: Tables) -> list[Inconsistency]:
    assert isinstance(tables, VastTables)  # noqa: S101 - the tables of this store
    try:
        return part.check(tables, name)
    except Failure:
        raise
    except Exception as error:  # noqa: BLE001 - one bad row must not keep others from being checked
        _log.warning("a row cannot be checked", extra={"table": part.table, "id": name}, exc_info=True)
        summary = f"it cannot be read: {type(error).__name__}"
        return [
            Inconsistency("DAMAGED_ROW", part.table, name, summary, advice="read the log; delete the row")
        ]


def _mend(part: Part, name: str, kinds: set[str], tables: Tables) -> None:
    assert isinstance(tables, VastTables)  # noqa: S101 - the tables of this store
    part.mend(tables, name, kinds)
