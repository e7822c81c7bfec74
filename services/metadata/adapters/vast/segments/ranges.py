"""The segments of a timeline by time.

Segments of a flow never overlap, and the statistics have the duration of the longest one ever. So a segment
that overlaps a range starts in it or at most that long before it. That is one range of the sort key, and one
request.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, NamedTuple

from services.metadata.adapters.vast.queries import Row
from services.metadata.adapters.vast.reading.view import View
from services.metadata.adapters.vast.reading.windows import Found, Keys, Span, walk
from services.metadata.adapters.vast.segments.statistics import Bounds, Timeline
from services.vast_client.filters.filters import EVERYTHING, Above, And, AtLeast, Below, Equal, Filter

# The columns with the timerange and the object of a segment.
PLACE_COLUMNS: Final = ("start_ns", "end_ns", "end_inclusive", "object_id")
# Ranges share a request if fewer segments than this are expected between them.
_NEAR: Final = 1000


class SegmentFilter(NamedTuple):
    """A filter for segments by their starts, their ends and their object."""

    starts: Span
    ends: Filter = EVERYTHING
    object_id: str | None = None

    @property
    def conditions(self) -> tuple[Filter, ...]:
        """The conditions other than the starts."""
        return (self.ends,) if self.object_id is None else (self.ends, Equal("object_id", self.object_id))


def first_segments(
    view: View,
    timeline: Timeline,
    segment_filter: SegmentFilter,
    limit: int,
    columns: tuple[str, ...] = PLACE_COLUMNS,
    *,
    reverse: bool = False,
) -> list[Row]:
    """The first segments that pass a filter, by start."""
    dense, spacing = Span(*(timeline.bounds or (0, 0))), timeline.spacing
    # The segments of one object may be anywhere in the span.
    if segment_filter.object_id is not None or not timeline.known:
        dense = Span(0, 0)

    def fetch(part: Span, cap: int | None) -> Found:
        where = And((*_starting(timeline, part), *segment_filter.conditions))
        return view.select_up_to("segments", where, columns, cap)

    keys = Keys(segment_filter.starts, dense, spacing)
    return walk(keys, limit, fetch, lambda row: int(row["start_ns"]), reverse=reverse)


def are_occupied(view: View, timeline: Timeline, extent: Bounds, ranges: Sequence[Bounds]) -> list[bool]:
    """For each range, True if a segment overlaps it. `extent` spans all segments of the timeline."""
    inside = [bounds for bounds in ranges if bounds.low < extent.high and bounds.high > extent.low]
    occupied = [
        Bounds(row["start_ns"], row["end_ns"])
        for cluster in _clusters(inside, timeline.spacing)
        for row in view.select("segments", _overlapping(timeline, cluster), PLACE_COLUMNS)
    ]
    return _are_overlapped(ranges, occupied)


def _starting(timeline: Timeline, part: Span) -> tuple[Filter, ...]:
    return (Equal("flow", timeline.number), AtLeast("start_ns", part.low), Below("start_ns", part.high))


def _overlapping(timeline: Timeline, bounds: Bounds) -> Filter:
    starts = Span(timeline.earliest_start(bounds.low), bounds.high)
    return And((*_starting(timeline, starts), Above("end_ns", bounds.low)))


def _clusters(ranges: Sequence[Bounds], spacing: float) -> list[Bounds]:
    """Ranges that contain the given ones. Ranges with few segments between them are joined."""
    clusters: list[Bounds] = []
    for bounds in sorted(ranges):
        if clusters and bounds.low - clusters[-1].high <= _NEAR * spacing:
            clusters[-1] = Bounds(clusters[-1].low, max(clusters[-1].high, bounds.high))
        else:
            clusters.append(bounds)
    return clusters


def _are_overlapped(ranges: Sequence[Bounds], occupied: Sequence[Bounds]) -> list[bool]:
    """For each range, True if an occupied one overlaps it. Occupied ranges do not overlap each other."""
    ordered = sorted(occupied)
    starts = [bounds.low for bounds in ordered]
    result = []
    for bounds in ranges:
        next_index = bisect_left(starts, bounds.high)
        result.append(next_index > 0 and ordered[next_index - 1].high > bounds.low)
    return result
