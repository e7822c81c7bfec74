"""The segment index.

Segments of a flow never overlap, and none is longer than the longest there ever was. So the segments that
overlap a range start no earlier than that much before it: one range of the sort key, one request.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.statistics import Bounds, Timeline, timeline_of
from services.metadata.adapters.vast.view import View
from services.metadata.adapters.vast.windows import Keys, Span, walk
from services.metadata.application.ports import Removed, SegmentQuery
from services.metadata.application.segment_pages import lines_page
from services.metadata.domain.object import MediaObject
from services.metadata.domain.segment import Segment, StoredSegment
from services.metadata.domain.segment_lines import SegmentLines
from services.metadata.domain.stored_segments import StoredSegments
from services.shared.timerange import MAX_NS, NEVER, TimeRange
from services.shared.vast.filters import EVERYTHING, Above, And, AtLeast, AtMost, Below, Equal, Filter

_STORED: Final = (
    "start_ns", "end_ns", "end_inclusive", "doc", "storage_id", "storage_path", "external_urls",
)  # fmt: skip
_WHERE: Final = ("flow", "object_id")  # what filters ask, besides the ends
_PLACED: Final = ("flow", "start_ns", "end_ns", "end_inclusive", "object_id")
# Ranges with fewer segments between them than this are looked at together.
_NEAR: Final = 1000


class _Wanted(NamedTuple):
    """Segments by where they start, where they end, and their object."""

    starts: Span
    ends: Filter = EVERYTHING
    object_id: str | None = None

    @property
    def conditions(self) -> tuple[Filter, ...]:
        """All but where they start."""
        return (self.ends,) if self.object_id is None else (self.ends, Equal("object_id", self.object_id))


class VastSegments:
    """Segments of flows by start."""

    def __init__(self, view: View) -> None:
        self._view = view

    def page(self, query: SegmentQuery, limit: int) -> StoredSegments:
        """Up to `limit` segments that overlap the range, in time order (reversed if asked)."""
        timeline = self._of_flow(query.flow_id)
        if timeline is None or query.timerange.empty:
            return StoredSegments()
        rows = self._page(timeline, query, limit, (*_STORED, *_WHERE))
        return StoredSegments.of(map(_stored, rows))

    def lines(self, query: SegmentQuery, size: int) -> SegmentLines:
        """A page of up to `size` segments that overlap the range, as text."""
        return lines_page(self.page(query, size + 1), size)

    def extent(self, flow_id: str, within: TimeRange) -> TimeRange:
        """Smallest range that spans the segments overlapping `within`; empty when there are none."""
        ends = [self.page(SegmentQuery(flow_id, within, reverse=reverse), 1) for reverse in (False, True)]
        if not all(ends):
            return NEVER
        (first,), (last,) = ends
        return TimeRange(first.start_ns, last.end_ns, bool(last.end_inclusive))

    def occupied(self, flow_id: str, ranges: Sequence[TimeRange]) -> list[bool]:
        """For each of the ranges, whether a segment of the flow overlaps it."""
        timeline = self._of_flow(flow_id)
        held = None if timeline is None else timeline.bounds
        if timeline is None or held is None:
            return [False] * len(ranges)
        asked = [Bounds.of(timerange) for timerange in ranges]
        inside = [one for one in asked if one.low < held.high and one.high > held.low]
        taken = [
            Bounds(row["start_ns"], row["end_ns"])
            for cluster in _clusters(inside, timeline.spacing)
            for row in self._view.select("segments", _overlapping(timeline, cluster), _PLACED)
        ]
        return _overlapped(asked, taken)

    def insert(self, timeline: int, segments: Sequence[tuple[Segment, MediaObject]], now: str) -> None:
        """Store segments that overlap nothing, and bring the flow's statistics up to date."""
        found = timeline_of(self._view, timeline)
        if found is None or not segments:
            return
        stored = StoredSegments.new(segments)
        self._view.insert_all(
            "segments",
            (
                {
                    "flow": timeline, "object_id": segment.object_id, "start_ns": one.start_ns,
                    "end_ns": one.end_ns, "end_inclusive": bool(one.end_inclusive), "doc": one.document,
                    "storage_id": one.storage_id, "storage_path": one.storage_path,
                    "external_urls": one.external_urls,
                }
                for (segment, _), one in zip(segments, stored, strict=True)
            ),
        )  # fmt: skip
        self._hold({segment.object_id for segment, _ in segments})
        found.put(self._view, updated=now, **_grown(found, stored))

    def _hold(self, object_ids: set[str]) -> None:
        """Collide with changes that find the objects without references."""
        free = self._view.unchanged("objects", "id", sorted(object_ids))
        for rows in self._view.lookups("objects", "id", free).values():
            for row in rows:
                self._view.update("objects", row, changed_ms=row["changed_ms"])

    def delete(
        self, timeline: int, within: TimeRange, object_id: str | None, limit: int, now: str
    ) -> Removed:
        """Remove the first `limit` segments that `within` covers, and bring statistics up to date."""
        found = timeline_of(self._view, timeline)
        if found is None or within.empty:
            return Removed(0, NEVER, frozenset())
        rows = self._covered(found, Bounds.of(within), object_id, limit)
        if not rows:
            return Removed(0, NEVER, frozenset())
        self._view.delete("segments", rows)
        self._shrink(found, rows, object_id is None, now)
        span = TimeRange(rows[0]["start_ns"], rows[-1]["end_ns"], bool(rows[-1]["end_inclusive"]))
        return Removed(len(rows), span, frozenset(row["object_id"] for row in rows))

    def _of_flow(self, flow_id: str) -> Timeline | None:
        row = self._view.one("flows", "id", flow_id)
        if row is None:
            return None
        self._view.flow_ids[row["timeline"]] = flow_id
        return Timeline("flows", row)

    def _page(
        self, timeline: Timeline, query: SegmentQuery, limit: int, columns: tuple[str, ...]
    ) -> list[Row]:
        asked = Bounds.of(query.timerange)
        starts = Span(timeline.reach(asked.low), asked.high)
        if query.after is not None and query.reverse:
            starts = Span(starts.low, min(starts.high, query.after))
        elif query.after is not None:
            starts = Span(max(starts.low, query.after + 1), starts.high)
        wanted = _Wanted(starts, Above("end_ns", asked.low), query.object_id)
        return self._walk(timeline, wanted, limit, columns, reverse=query.reverse)

    def _covered(self, timeline: Timeline, asked: Bounds, object_id: str | None, limit: int) -> list[Row]:
        wanted = _Wanted(Span(*asked), AtMost("end_ns", asked.high), object_id)
        return self._walk(timeline, wanted, limit, _PLACED)

    def _walk(
        self,
        timeline: Timeline,
        wanted: _Wanted,
        limit: int,
        columns: tuple[str, ...],
        *,
        reverse: bool = False,
    ) -> list[Row]:
        """The first segments that start in a span. Those of one object may be anywhere in it."""
        dense, spacing = Span(*(timeline.bounds or (0, 0))), timeline.spacing
        if wanted.object_id is not None:
            dense = Span(0, 0)

        def fetch(part: Span, cap: int | None) -> list[Row] | None:
            where = And((*_starting(timeline, part), *wanted.conditions))
            return self._view.select_up_to("segments", where, columns, cap)

        keys = Keys(wanted.starts, dense, spacing)
        return walk(keys, limit, fetch, lambda row: int(row["start_ns"]), reverse=reverse)

    def _shrink(self, timeline: Timeline, removed: Sequence[Row], together: bool, now: str) -> None:
        left = timeline.row["segments"] - len(removed)
        ends: dict[str, Any] = {"start_ns": None, "end_ns": None, "end_inclusive": None}
        if left:
            ends = self._ends(timeline, removed, together)
        if left or timeline.table == "flows":
            timeline.put(self._view, segments=left, updated=now, **ends)
        else:
            self._view.delete(timeline.table, [timeline.row])

    def _ends(self, timeline: Timeline, removed: Sequence[Row], together: bool) -> dict[str, Any]:
        """Where the segments that are left start and end. Those removed together leave one hole."""
        low, high = timeline.bounds or Bounds(0, 0)
        ends: dict[str, Any] = {}
        if removed[0]["start_ns"] == low:
            rest = Span(removed[-1]["end_ns"] if together else low, high)
            (first,) = self._walk(timeline, _Wanted(rest), 1, _PLACED)
            ends["start_ns"] = first["start_ns"]
        if removed[-1]["end_ns"] == high:
            rest = Span(low, removed[0]["start_ns"] if together else high)
            (last,) = self._walk(timeline, _Wanted(rest), 1, _PLACED, reverse=True)
            ends |= {"end_ns": last["end_ns"], "end_inclusive": last["end_inclusive"]}
        return ends


def _starting(timeline: Timeline, part: Span) -> tuple[Filter, ...]:
    return (Equal("flow", timeline.number), AtLeast("start_ns", part.low), Below("start_ns", part.high))


def _overlapping(timeline: Timeline, bounds: Bounds) -> Filter:
    starts = Span(timeline.reach(bounds.low), bounds.high)
    return And((*_starting(timeline, starts), Above("end_ns", bounds.low)))


def _stored(row: Row) -> StoredSegment:
    start, end, inclusive, document, storage_id, path, urls = (row[name] for name in _STORED)
    return StoredSegment(start, end, int(inclusive), document, storage_id, path, urls)


def _grown(timeline: Timeline, added: Sequence[StoredSegment]) -> dict[str, Any]:
    row, held = timeline.row, timeline.bounds
    last = max(added, key=lambda one: one.end_ns)
    grown = {
        "segments": row["segments"] + len(added),
        "start_ns": min(one.start_ns for one in added),
        "end_ns": last.end_ns,
        "end_inclusive": bool(last.end_inclusive),
        "longest_ns": min(MAX_NS, max(row["longest_ns"], *(one.end_ns - one.start_ns for one in added))),
    }
    if held is not None:
        grown["start_ns"] = min(held.low, grown["start_ns"])
        if held.high > last.end_ns:
            grown |= {"end_ns": held.high, "end_inclusive": row["end_inclusive"]}
    return grown


def _clusters(ranges: Sequence[Bounds], spacing: float) -> list[Bounds]:
    """Ranges that hold the given ones, joined where few segments lie between them."""
    clusters: list[Bounds] = []
    for one in sorted(ranges):
        if clusters and one.low - clusters[-1].high <= _NEAR * spacing:
            clusters[-1] = Bounds(clusters[-1].low, max(clusters[-1].high, one.high))
        else:
            clusters.append(one)
    return clusters


def _overlapped(asked: Sequence[Bounds], taken: Sequence[Bounds]) -> list[bool]:
    """For each range whether one of the taken ones, which do not overlap each other, overlaps it."""
    ordered = sorted(taken)
    starts = [one.low for one in ordered]
    result = []
    for one in asked:
        at = bisect_left(starts, one.high)
        result.append(at > 0 and ordered[at - 1].high > one.low)
    return result
