"""Adds and removes segments, with the statistics of their flow and the counts of their objects."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from services.metadata.adapters.vast.objects.counting import count_added, count_deleted
from services.metadata.adapters.vast.objects.objects import add_objects, place_values
from services.metadata.adapters.vast.queries import Row, Values
from services.metadata.adapters.vast.reading.view import View
from services.metadata.adapters.vast.reading.windows import Span
from services.metadata.adapters.vast.schema import COLUMNS
from services.metadata.adapters.vast.segments.ranges import PLACE_COLUMNS, SegmentFilter, first_segments
from services.metadata.adapters.vast.segments.statistics import (
    EMPTIED_TIMELINE,
    NEW_TIMELINE,
    Bounds,
    Timeline,
    counted_statistics,
    timeline_of,
)
from services.metadata.application.ports import Removed
from services.metadata.domain.ids import ObjectId
from services.metadata.domain.objects.object import MediaObject
from services.metadata.domain.segments.segment import Segment, StoredSegment
from services.metadata.domain.segments.stored import stored_segments
from services.shared.errors import Unavailable
from services.shared.timerange import MAX_NS, NEVER, TimeRange
from services.vast_client.filters.filters import And, AtMost, Equal, In

# The columns of a StoredSegment, in its order.
_STORED: Final = (
    "start_ns", "end_ns", "end_inclusive", "doc", "storage_id", "storage_path", "external_urls", "copies",
)  # fmt: skip


# The columns of the projection of segments by object.
_KEY: Final = ("flow", "start_ns", "object_id")
# Rows that one query reads.
_ROWS: Final = 1000


class _Removal(NamedTuple):
    """Removed segments, in the order of time, and which others can remain."""

    rows: Sequence[Row]
    leaves_one_hole: bool  # no segments remain between them
    is_complete: bool  # no segments remain at all


def insert_segments(
    view: View,
    timeline: int,
    segments: Sequence[tuple[Segment[ObjectId], MediaObject]],
    new_objects: Sequence[MediaObject],
    now: str,
) -> None:
    """Store segments that overlap no others, and their new objects; update the flow's statistics."""
    statistics = timeline_of(view, timeline)
    if statistics is None:
        raise Unavailable(
            "the flow's row has lost its timeline; a repair gives it one", reason="STORE_UNAVAILABLE"
        )
    if not segments:
        return
    stored = stored_segments(segments)
    view.insert_all(
        "segments",
        (
            {
                "flow": timeline, "object_id": segment.object_id, "start_ns": row.start_ns,
                "end_ns": row.end_ns, "end_inclusive": bool(row.end_inclusive), "doc": row.document,
                "storage_id": row.storage_id, "storage_path": row.storage_path,
                "external_urls": row.external_urls, "copies": row.copies,
            }
            for (segment, _), row in zip(segments, stored, strict=True)
        ),
    )  # fmt: skip
    counts = Counter(segment.object_id for segment, _ in segments)
    add_objects(view, new_objects, counts)
    for item in new_objects:
        del counts[item.id]
    count_added(view, counts)
    values = _with_added(statistics, stored) if statistics.known else counted_statistics(view, timeline)
    statistics.update(view, updated=now, **values)


def delete_segments(
    view: View, timeline: int, within: TimeRange, object_id: str | None, *, limit: int, now: str
) -> Removed:
    """Remove the first `limit` segments that `within` covers, and update the statistics."""
    rows, removed = _take(view, timeline, (within, object_id), (limit, PLACE_COLUMNS), now)
    count_deleted(view, (row["object_id"] for row in rows))
    return removed


def move_segments(
    view: View, timeline: int, within: TimeRange, object_id: str | None, *, limit: int, now: str, target: int
) -> Removed:
    """Move the first `limit` segments that `within` covers to another timeline, which may be new.

    The sort key of a row cannot be updated, so the rows are inserted again.
    """
    rows, removed = _take(view, timeline, (within, object_id), (limit, COLUMNS["segments"]), now)
    if not rows:
        return removed
    view.insert_all(
        "segments", ({name: row[name] for name in COLUMNS["segments"]} | {"flow": target} for row in rows)
    )
    if timeline_of(view, target) is None:
        view.insert("timelines", timeline=target, **NEW_TIMELINE)
    statistics = timeline_of(view, target)
    assert statistics is not None  # noqa: S101 - it was just inserted
    moved = [StoredSegment(*(row[name] for name in _STORED)) for row in rows]
    values = _with_added(statistics, moved) if statistics.known else counted_statistics(view, target)
    statistics.update(view, updated=now, **values)
    return removed


def place_segments(view: View, objects: Iterable[MediaObject]) -> None:
    """Write the places of objects and of their copies into all segments that reference them."""
    items = {item.id: item for item in objects}
    starts: dict[int, list[int]] = defaultdict(list)
    for rows in view.lookups("segments", "object_id", items, _KEY).values():
        for row in rows:
            starts[row["flow"]].append(row["start_ns"])
    for timeline, starts_of in starts.items():
        for first in range(0, len(starts_of), _ROWS):
            chosen = In("start_ns", tuple(sorted(starts_of[first : first + _ROWS])))
            # Whole rows, because other rules in this transaction may read them after the change.
            for row in view.select("segments", And((Equal("flow", timeline), chosen))):
                view.update("segments", row, **place_values(items[row["object_id"]]))


def _take(
    view: View,
    timeline: int,
    wanted: tuple[TimeRange, str | None],
    shape: tuple[int, tuple[str, ...]],
    now: str,
) -> tuple[list[Row], Removed]:
    """Delete the rows of segments that a range covers, of one object if its id is given.

    `shape` is the most rows, and their columns. The statistics of the timeline are updated, counts of objects
    are not.
    """
    (within, object_id), (limit, columns) = wanted, shape
    statistics = timeline_of(view, timeline)
    if statistics is None or within.empty:
        return [], Removed(0, NEVER, frozenset())
    bounds = Bounds.of(within)
    inside = SegmentFilter(Span(*bounds), AtMost("end_ns", bounds.high), object_id)
    covered = first_segments(view, statistics, inside, limit + 1, columns)
    rows = covered[:limit]
    if not rows:
        return [], Removed(0, NEVER, frozenset())
    view.delete("segments", rows)
    is_complete = object_id is None and len(rows) < limit and within.start is None and within.end is None
    _store_without(view, statistics, _Removal(rows, object_id is None, is_complete), now)
    span = TimeRange(rows[0]["start_ns"], rows[-1]["end_ns"], bool(rows[-1]["end_inclusive"]))
    object_ids = frozenset(row["object_id"] for row in rows)
    return rows, Removed(len(rows), span, object_ids, len(covered) > limit)


def _store_without(view: View, timeline: Timeline, removal: _Removal, now: str) -> None:
    statistics = EMPTIED_TIMELINE if removal.is_complete else _without(view, timeline, removal)
    if statistics["segments"] or timeline.table == "flows":
        timeline.update(view, updated=now, **statistics)
    else:
        view.delete(timeline.table, [timeline.row])


def _without(view: View, timeline: Timeline, removal: _Removal) -> Values:
    """The statistics without the removed segments. If they cannot be correct, all segments are counted."""
    count = (timeline.row["segments"] or 0) - len(removal.rows)
    ends = _new_ends(view, timeline, removal) if count > 0 and timeline.known else None
    if ends is not None:
        return {"segments": count, **ends}
    return counted_statistics(view, timeline.number)


def _new_ends(view: View, timeline: Timeline, removal: _Removal) -> Values | None:
    """The ends that differ after a removal; None if no segments are found."""
    removed, one_hole = removal.rows, removal.leaves_one_hole
    low, high = timeline.bounds or Bounds(0, 0)
    ends: Values = {}
    if removed[0]["start_ns"] <= low:
        rest = Span(removed[-1]["end_ns"] if one_hole else low, high)
        first = first_segments(view, timeline, SegmentFilter(rest), 1)
        if not first:
            return None
        ends["start_ns"] = first[0]["start_ns"]
    if removed[-1]["end_ns"] >= high:
        rest = Span(low, removed[0]["start_ns"] if one_hole else high)
        last = first_segments(view, timeline, SegmentFilter(rest), 1, reverse=True)
        if not last:
            return None
        ends |= {"end_ns": last[0]["end_ns"], "end_inclusive": last[0]["end_inclusive"]}
    return ends


def _with_added(timeline: Timeline, added: Sequence[StoredSegment]) -> Values:
    """The statistics with added segments."""
    row, extent = timeline.row, timeline.bounds
    last = max(added, key=lambda segment: segment.end_ns)
    longest = max(segment.end_ns - segment.start_ns for segment in added)
    statistics = {
        "segments": row["segments"] + len(added),
        "start_ns": min(segment.start_ns for segment in added),
        "end_ns": last.end_ns,
        "end_inclusive": bool(last.end_inclusive),
        "longest_ns": min(MAX_NS, max(row["longest_ns"] or 0, longest)),
    }
    if extent is not None:
        statistics["start_ns"] = min(extent.low, statistics["start_ns"])
        if extent.high > last.end_ns:
            statistics |= {"end_ns": extent.high, "end_inclusive": row["end_inclusive"]}
    return statistics
