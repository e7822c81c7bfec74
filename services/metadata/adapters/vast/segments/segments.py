"""The segments of flows: pages, extents and occupied timeranges."""

from collections.abc import Iterable, Sequence
from typing import Final

from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.reading.view import View
from services.metadata.adapters.vast.reading.windows import Span
from services.metadata.adapters.vast.segments.ranges import SegmentFilter, are_occupied, first_segments
from services.metadata.adapters.vast.segments.statistics import (
    Bounds,
    Timeline,
    timeline_of,
)
from services.metadata.adapters.vast.segments.writing import (
    delete_segments,
    insert_segments,
    move_segments,
    place_segments,
)
from services.metadata.application.ports import Removed, SegmentQuery
from services.metadata.application.segments.pages import lines_page
from services.metadata.domain.ids import FlowId, ObjectId
from services.metadata.domain.objects.object import MediaObject
from services.metadata.domain.segments.lines import SegmentLines
from services.metadata.domain.segments.segment import Segment, StoredSegment
from services.shared.timerange import MAX_NS, MIN_NS, NEVER, TimeRange
from services.vast_client.filters.filters import Above

_COLUMNS: Final = (
    "start_ns", "end_ns", "end_inclusive", "doc", "storage_id", "storage_path", "external_urls", "copies",
)  # fmt: skip


class VastSegments:
    """The segments of flows, by start."""

    def __init__(self, view: View) -> None:
        self._view = view

    def page(self, query: SegmentQuery, limit: int) -> list[StoredSegment]:
        """Up to `limit` segments that overlap the range, in the order of time, or in reverse."""
        timeline = self._of_flow(query.flow_id)
        if timeline is None or query.timerange.empty:
            return []
        rows = self._page(timeline, query, limit)
        if not _is_complete(query, rows, limit):
            rows = self._current_page(timeline, query, limit, rows)
        return list(map(_stored, rows))

    def lines(self, query: SegmentQuery, size: int) -> SegmentLines:
        """A page of up to `size` segments that overlap the range, as text."""
        return lines_page(self.page(query, size + 1), size)

    def extent(self, flow_id: FlowId, within: TimeRange) -> TimeRange:
        """The smallest range that spans the segments overlapping `within`; empty without such segments."""
        ends = [self.page(SegmentQuery(flow_id, within, reverse=reverse), 1) for reverse in (False, True)]
        if not all(ends):
            return NEVER
        (first,), (last,) = ends
        return TimeRange(first.start_ns, last.end_ns, bool(last.end_inclusive))

    def occupied(self, flow_id: str, ranges: Sequence[TimeRange]) -> list[bool]:
        """For each range, True if a segment of the flow overlaps it."""
        timeline = self._of_flow(flow_id)
        extent = None if timeline is None else timeline.bounds
        if timeline is None or extent is None:
            return [False] * len(ranges)
        return are_occupied(self._view, timeline, extent, [Bounds.of(timerange) for timerange in ranges])

    def insert(
        self,
        timeline: int,
        segments: Sequence[tuple[Segment[ObjectId], MediaObject]],
        now: str,
        new_objects: Sequence[MediaObject] = (),
    ) -> None:
        """Store segments that overlap no others, and their new objects; update the flow's statistics."""
        insert_segments(self._view, timeline, segments, new_objects, now)

    def delete(
        self, timeline: int, within: TimeRange, object_id: str | None, limit: int, now: str
    ) -> Removed:
        """Remove the first `limit` segments that `within` covers, and update the statistics."""
        return delete_segments(self._view, timeline, within, object_id, limit=limit, now=now)

    def move(
        self, timeline: int, within: TimeRange, object_id: str | None, now: str, *, limit: int, target: int
    ) -> Removed:
        """Move the first `limit` segments that `within` covers to another timeline."""
        return move_segments(self._view, timeline, within, object_id, limit=limit, now=now, target=target)

    def place(self, objects: Iterable[MediaObject]) -> None:
        """Write the places of objects and of their copies into all segments that reference them."""
        place_segments(self._view, objects)

    def first(self, timeline: int, after: int | None, limit: int) -> list[StoredSegment]:
        """The first `limit` segments of a timeline that start after a time in nanoseconds, in order."""
        found = timeline_of(self._view, timeline)
        if found is None:
            return []
        starts = SegmentFilter(Span(MIN_NS if after is None else after + 1, MAX_NS))
        return list(map(_stored, first_segments(self._view, found, starts, limit, _COLUMNS)))

    def _of_flow(self, flow_id: str) -> Timeline | None:
        row = self._view.row("flows", "id", flow_id)
        if row is None or row["timeline"] is None:
            return None
        self._view.remember_flow(row["timeline"], flow_id)
        return Timeline("flows", row)

    def _page(self, timeline: Timeline, query: SegmentQuery, limit: int) -> list[Row]:
        bounds = Bounds.of(query.timerange)
        starts = Span(timeline.earliest_start(bounds.low), bounds.high)
        if query.after is not None and query.reverse:
            starts = Span(starts.low, min(starts.high, query.after))
        elif query.after is not None:
            starts = Span(max(starts.low, query.after + 1), starts.high)
        overlapping = SegmentFilter(starts, Above("end_ns", bounds.low), query.object_id)
        return first_segments(self._view, timeline, overlapping, limit, _COLUMNS, reverse=query.reverse)

    def _current_page(self, cached: Timeline, query: SegmentQuery, limit: int, rows: list[Row]) -> list[Row]:
        """The page by the present statistics. It is `rows` if the cached statistics were good enough."""
        row = self._view.current_row("flows", "id", query.flow_id)
        if row is None:
            return []
        current, low = Timeline("flows", row), Bounds.of(query.timerange).low
        if current.number == cached.number and current.earliest_start(low) >= cached.earliest_start(low):
            return rows
        return self._page(current, query, limit)


def _is_complete(query: SegmentQuery, rows: Sequence[Row], limit: int) -> bool:
    """True if a page is complete even if another process has stored longer segments since.

    Only a segment that starts before the range can be missing. There is no such segment if another one covers
    the start of the range. Pages that do not include the start of the range do not need it.
    """
    if query.after is not None and not query.reverse:
        return True
    if not rows or (query.reverse and len(rows) >= limit):
        return bool(rows)
    first, low = rows[-1 if query.reverse else 0], Bounds.of(query.timerange).low
    return low == MIN_NS or bool(first["start_ns"] <= low < first["end_ns"])


def _stored(row: Row) -> StoredSegment:
    start, end, inclusive, *others = (row[name] for name in _COLUMNS)
    return StoredSegment(start, end, int(inclusive), *others)
