"""Looks for rows that contradict each other: bounded, and in short reads so that others get their turn."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import msgspec

from services.metadata.application.ports import FlowFilter, SegmentQuery, Store, Tables
from services.metadata.application.ports.administration import Administration
from services.metadata.domain.flow import StoredFlow
from services.metadata.domain.object import State
from services.metadata.domain.segment import StoredSegment
from services.shared.errors import InvalidArgument
from services.shared.timerange import ETERNITY

_FLOWS: Final = 1000
_MAX_FLOWS: Final = 100_000
_SEGMENTS: Final = 100_000
_MAX_SEGMENTS: Final = 10_000_000
_PAGE: Final = 1000
_MAX_FOUND: Final = 1000


class Inconsistency(NamedTuple):
    """Something that contradicts something else."""

    kind: str
    table: str
    id: str
    summary: str


class Seen(NamedTuple):
    """What was looked at and found."""

    found: list[Inconsistency]
    flows: int
    segments: int
    complete: bool


class _Reference(msgspec.Struct):
    object_id: str


_reference: Final = msgspec.json.Decoder(_Reference)


class Consistency:
    """Checks what is stored."""

    def __init__(self, store: Store, tables: Administration) -> None:
        self._store = store
        self._tables = tables

    async def check(self, max_flows: int, max_segments: int) -> Seen:
        """What contradicts what, in as many flows and segments as asked for; 0 for the usual numbers."""
        flows = _limit(max_flows, _FLOWS, _MAX_FLOWS)
        return await _Walk(
            self._store, self._tables, flows, _limit(max_segments, _SEGMENTS, _MAX_SEGMENTS)
        ).run()


class _Walk:
    def __init__(self, store: Store, tables: Administration, flows: int, segments: int) -> None:
        self._store = store
        self._tables = tables
        self._flows_left = flows
        self._segments_left = segments
        self._flows = 0
        self._segments = 0
        self._complete = True
        self._found: list[Inconsistency] = []

    async def run(self) -> Seen:
        after: str | None = None
        while flows := await self._flow_page(after):
            counts = await self._tables.segment_counts([flow.id for flow in flows])
            for flow in flows:
                await self._check_flow(flow, counts.get(flow.id, 0))
            self._flows += len(flows)
            self._flows_left -= len(flows)
            after = flows[-1].id
            if not self._flows_left or len(self._found) >= _MAX_FOUND:
                self._complete &= not await self._flow_page(after, at_least=1)
                break
        return Seen(self._found[:_MAX_FOUND], self._flows, self._segments, self._complete)

    async def _flow_page(self, after: str | None, at_least: int = 0) -> list[StoredFlow]:
        limit = min(_PAGE, self._flows_left) or at_least

        def page(tables: Tables) -> list[StoredFlow]:
            flows = tables.flows.page(FlowFilter(), after, limit)
            for flow in flows if not at_least else ():
                self._found += _references(tables, flow)
            return flows

        return await self._store.scan(page)

    async def _check_flow(self, flow: StoredFlow, recorded: int) -> None:
        before: StoredSegment | None = None
        first: int | None = None
        count = 0
        while segments := await self._segment_page(flow, before):
            if before is None:
                first = segments[0].start_ns
            self._found += _overlaps(flow, before, segments)
            before = segments[-1]
            count += len(segments)
        self._segments += count
        if not self._segments_left and count < recorded:
            self._complete = False
            return
        end = None if before is None else before.end_ns
        if found := _statistics(flow, recorded, count, (first, end)):
            # Someone may have written meanwhile: what changed under the walk is not judged.
            again = await self._tables.segment_counts([flow.id])
            self._found += found if again.get(flow.id, 0) == recorded else []

    async def _segment_page(self, flow: StoredFlow, before: StoredSegment | None) -> Sequence[StoredSegment]:
        limit = min(_PAGE, self._segments_left)
        if not limit or len(self._found) >= _MAX_FOUND:
            return []
        after = None if before is None else before.start_ns

        def page(tables: Tables) -> Sequence[StoredSegment]:
            segments = tables.segments.page(SegmentQuery(flow.id, ETERNITY, after=after), limit)
            self._found += _objects(tables, flow, segments)
            return segments

        segments = await self._store.scan(page)
        self._segments_left -= len(segments)
        return segments


def _limit(asked: int, usual: int, most: int) -> int:
    if not 0 <= asked <= most:
        raise InvalidArgument(f"a limit is 1 to {most}, or 0 for {usual}", reason="BAD_LIMIT")
    return asked or usual


def _references(tables: Tables, flow: StoredFlow) -> list[Inconsistency]:
    found = []
    if tables.sources.get(flow.source_id) is None:
        found.append(_of(flow, "MISSING_SOURCE", f"its source {flow.source_id} does not exist"))
    members = [item.id for item in tables.flows.members(flow.id)]
    known = tables.flows.sources_of(members) if members else {}
    found += [
        _of(flow, "MISSING_MEMBER", f"it collects {member}, which does not exist")
        for member in members
        if member not in known
    ]
    return found


def _objects(tables: Tables, flow: StoredFlow, segments: Sequence[StoredSegment]) -> list[Inconsistency]:
    referenced = {_reference.decode(segment.document).object_id for segment in segments}
    known = tables.objects.get_many(referenced) if referenced else {}
    found = []
    for object_id in sorted(referenced):
        item = known.get(object_id)
        if item is None:
            found.append(
                _of(flow, "MISSING_OBJECT", f"a segment uses object {object_id}, which is not known")
            )
        elif item.state is not State.REGISTERED:
            found.append(_of(flow, "OBJECT_STATE", f"object {object_id} is in use and yet {item.state}"))
    return found


def _overlaps(
    flow: StoredFlow, before: StoredSegment | None, segments: Sequence[StoredSegment]
) -> list[Inconsistency]:
    row = segments if before is None else [before, *segments]
    return [
        _of(flow, "OVERLAP", f"segments at {one.start_ns} and {other.start_ns} ns overlap")
        for one, other in pairwise(row)
        if one.end_ns > other.start_ns
    ]


def _statistics(
    flow: StoredFlow, recorded: int, count: int, ends: tuple[int | None, int | None]
) -> list[Inconsistency]:
    found = []
    if recorded != count:
        found.append(_of(flow, "SEGMENT_COUNT", f"{recorded} segments are recorded, {count} are there"))
    if (flow.start_ns, flow.end_ns) != ends:
        found.append(_of(flow, "FLOW_EXTENT", "its recorded extent is not that of its segments"))
    return found


def _of(flow: StoredFlow, kind: str, summary: str) -> Inconsistency:
    return Inconsistency(kind, "flows", flow.id, summary)
