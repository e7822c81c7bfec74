"""Walks over flows and their segments, and checks them. Reads are short, so that others get their turn."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from services.metadata.application.administration.contradictions import (
    SegmentTotals,
    objects,
    overlaps,
    references,
    statistics,
)
from services.metadata.application.ports import FlowFilter, SegmentQuery, Store, Tables
from services.metadata.application.ports.administration import Administration, Recorded
from services.metadata.application.ports.examination import Inconsistency
from services.metadata.domain.flows.flow import StoredFlow
from services.metadata.domain.segments.segment import StoredSegment
from services.shared.errors import DataDamaged
from services.shared.timerange import ETERNITY

_PAGE: Final = 1000
# A walk ends when it has this many findings.
MAX_FOUND: Final = 1000
DAMAGED_DISK: Final = "the disk returned other bytes than were written: stop the store, restore a backup"

# The errors that a row with invalid values can cause.
_BAD_ROW: Final = (TypeError, ValueError, KeyError, AttributeError)
_log = logging.getLogger(__name__)


class Walk:
    """A walk over the flows with ids above `after`. `limits` are the maximum flows and segments to check."""

    def __init__(
        self, store: Store, tables: Administration, limits: tuple[int, int], after: str | None
    ) -> None:
        self._store = store
        self._tables = tables
        self._flows_left, self._segments_left = limits
        self.flows = 0
        self.segments = 0
        # The last flow that was checked completely.
        self.after = after
        self.complete = True
        self.found: list[Inconsistency] = []

    async def run(self) -> None:
        """Check flows until all are done or a limit is reached."""
        try:
            while flows := await self._flow_page(self.after):
                recorded = await self._tables.recorded([flow.id for flow in flows])
                for flow in flows:
                    await self._check_safely(flow, recorded.get(flow.id, Recorded()))
                    if not self.complete:
                        return
                if not self._flows_left or len(self.found) >= MAX_FOUND:
                    self.complete &= not await self._flow_page(self.after, at_least=1)
                    return
        except DataDamaged as error:
            # The rows after the damaged one cannot be reached.
            self.found.append(Inconsistency("DAMAGED_ROWS", "", "", error.summary, advice=DAMAGED_DISK))
            self.complete = False

    async def _flow_page(self, after: str | None, at_least: int = 0) -> list[StoredFlow]:
        limit = min(_PAGE, self._flows_left) or at_least
        found: list[Inconsistency] = []

        def page(tables: Tables) -> list[StoredFlow]:
            found.clear()
            flows = tables.flows.page(FlowFilter(), after, limit)
            for flow in flows if not at_least else ():
                found.extend(_checked(flow, partial(references, tables, flow)))
            return flows

        flows = await self._store.scan(page)
        self.found += found
        return flows

    async def _check_safely(self, flow: StoredFlow, recorded: Recorded) -> None:
        try:
            await self._check_flow(flow, recorded)
        except _BAD_ROW as error:
            self.found.append(_unreadable(flow, error))
            self.after = flow.id

    async def _check_flow(self, flow: StoredFlow, recorded: Recorded) -> None:
        before: StoredSegment | None = None
        counted = SegmentTotals()
        while segments := await self._segment_page(flow, before):
            self.found += overlaps(flow, before, segments)
            before = segments[-1]
            counted = counted.add(segments)
        self.segments += counted.segments
        self.flows += 1
        self._flows_left -= 1
        if self._is_full and counted.segments < recorded.segments:
            # The next walk continues after a flow that alone exceeds the limit. Otherwise none would pass it.
            self.after = flow.id if self.flows == 1 else self.after
            self.complete = False
            return
        if self.complete:
            self.after = flow.id
        if found := statistics(flow, recorded, counted):
            # A client may have changed the flow during the walk; then its statistics are not compared.
            again = await self._tables.recorded([flow.id])
            self.found += found if again.get(flow.id, Recorded()) == recorded else []

    @property
    def _is_full(self) -> bool:
        """True if a limit is reached, so that no more segments are checked."""
        return not self._segments_left or len(self.found) >= MAX_FOUND

    async def _segment_page(self, flow: StoredFlow, before: StoredSegment | None) -> Sequence[StoredSegment]:
        limit = min(_PAGE, self._segments_left)
        if self._is_full:
            return []
        after = None if before is None else before.start_ns
        found: list[Inconsistency] = []

        def page(tables: Tables) -> Sequence[StoredSegment]:
            found.clear()
            segments = tables.segments.page(SegmentQuery(flow.id, ETERNITY, after=after), limit)
            found.extend(_checked(flow, lambda: objects(tables, flow, segments)))
            return segments

        segments = await self._store.scan(page)
        self.found += found
        self._segments_left -= len(segments)
        return segments


def _checked(flow: StoredFlow, check: Callable[[], list[Inconsistency]]) -> list[Inconsistency]:
    """The findings of a check. A row that cannot be read is a finding too; the walk continues."""
    try:
        return check()
    except (DataDamaged, *_BAD_ROW) as error:
        return [_unreadable(flow, error)]


def _unreadable(flow: StoredFlow, error: Exception) -> Inconsistency:
    _log.warning("a flow cannot be checked", extra={"flow": flow.id}, exc_info=error)
    summary = f"it cannot be read: {type(error).__name__}"
    return Inconsistency("DAMAGED_ROW", "flows", flow.id, summary, advice="read the log; put the flow again")
