"""The segment index.

Segments of a flow never overlap, so the one that reaches into a range from before is the last to start
at or before the range's start: every range query is one seek for that row, then a scan of what is asked
for. Its cost does not depend on the length of the flow.
"""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from services.metadata.application.ports import Removed, SegmentQuery
from services.metadata.domain.object import MediaObject
from services.metadata.domain.segment import Segment, StoredSegment, document
from services.shared.timerange import MAX_NS, MIN_NS, NEVER, TimeRange

_ROW: Final = "(SELECT row FROM flows WHERE id = :flow)"
# Where to start: the segment that reaches into the range, if there is one.
_FIRST: Final = f"""coalesce((
    SELECT max(start_ns) FROM segments WHERE flow = {_ROW} AND start_ns <= :low), :low)"""
_WITHIN: Final = f"flow = {_ROW} AND start_ns >= {_FIRST} AND start_ns < :high AND end_ns > :low"
_PAGE: Final = """
    SELECT start_ns, end_ns, end_inclusive, doc, storages.id, storage_path, external_urls
    FROM segments LEFT JOIN storages ON storages.row = segments.storage
    WHERE {within} {more} ORDER BY start_ns {order} LIMIT :limit
"""
_PAGES: Final = {
    (reverse, by_object): _PAGE.format(
        within=_WITHIN,
        more=("AND start_ns < :after " if reverse else "AND start_ns > :after ")
        + ("AND object_id = :object" if by_object else ""),
        order="DESC" if reverse else "ASC",
    )
    for reverse in (False, True)
    for by_object in (False, True)
}
_INSERT: Final = """
    INSERT INTO segments
        (flow, start_ns, end_ns, end_inclusive, object_id, storage, storage_path, external_urls, doc)
    VALUES (?, ?, ?, ?, ?, (SELECT row FROM storages WHERE id = ?), ?, ?, ?)
"""
_COVERED: Final = f"""
    SELECT start_ns, end_ns, end_inclusive, object_id FROM segments
    WHERE flow = {_ROW} AND start_ns >= :low AND start_ns < :high AND end_ns <= :high
"""
_STATS: Final = """
    INSERT INTO flow_stats (flow, segments, start_ns, end_ns, end_inclusive, updated)
    SELECT :row, :change + coalesce((SELECT segments FROM flow_stats WHERE flow = :row), 0),
        first.start_ns, last.end_ns, coalesce(last.end_inclusive, 0), :now
    FROM (SELECT 1)
    LEFT JOIN (SELECT start_ns FROM segments WHERE flow = :row ORDER BY start_ns LIMIT 1) first
    LEFT JOIN (SELECT end_ns, end_inclusive FROM segments WHERE flow = :row
               ORDER BY start_ns DESC LIMIT 1) last
    WHERE true
    ON CONFLICT (flow) DO UPDATE SET segments = excluded.segments, start_ns = excluded.start_ns,
        end_ns = excluded.end_ns, end_inclusive = excluded.end_inclusive, updated = excluded.updated
"""


class SqliteSegments:
    """Segments of flows by start."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._execute = connection.execute

    def page(self, query: SegmentQuery, limit: int) -> list[StoredSegment]:
        """Up to `limit` segments that overlap the range, in time order (reversed if asked)."""
        if query.timerange.empty:
            return []
        first = MAX_NS if query.reverse else MIN_NS
        parameters = {
            **_bounds(query.flow_id, query.timerange),
            "after": first if query.after is None else query.after,
            "object": query.object_id,
            "limit": limit,
        }
        sql = _PAGES[query.reverse, query.object_id is not None]
        return [StoredSegment._make(row) for row in self._execute(sql, parameters)]

    def extent(self, flow_id: str, within: TimeRange) -> TimeRange:
        """Smallest range that spans the segments overlapping `within`; empty when there are none."""
        ends = [self.page(SegmentQuery(flow_id, within, reverse=reverse), 1) for reverse in (False, True)]
        if not all(ends):
            return NEVER
        (first,), (last,) = ends
        return TimeRange(first.start_ns, last.end_ns, bool(last.end_inclusive))

    def occupied(self, flow_id: str, ranges: Sequence[TimeRange]) -> list[bool]:
        """For each of the ranges, whether a segment of the flow overlaps it."""
        return [self._occupied(_bounds(flow_id, timerange)) for timerange in ranges]

    def _occupied(self, bounds: dict[str, str | int]) -> bool:
        found = self._execute(
            f"SELECT end_ns FROM segments WHERE flow = {_ROW} AND start_ns < :high"
            " ORDER BY start_ns DESC LIMIT 1",
            bounds,
        ).fetchone()
        return found is not None and found[0] > bounds["low"]

    def insert(self, flow_id: str, segments: Sequence[tuple[Segment, MediaObject]], now: str) -> None:
        """Store segments that overlap nothing, and bring the flow's statistics up to date."""
        (row,) = self._execute("SELECT row FROM flows WHERE id = ?", (flow_id,)).fetchone()
        self._connection.executemany(_INSERT, (_values(row, *pair) for pair in segments))
        self._execute(_STATS, {"row": row, "change": len(segments), "now": now})

    def delete(self, flow_id: str, within: TimeRange, object_id: str | None, now: str) -> Removed:
        """Remove the segments that `within` covers, and bring the flow's statistics up to date."""
        if within.empty:
            return Removed(0, NEVER, {})
        parameters = {**_bounds(flow_id, within), "object": object_id}
        by_object = "" if object_id is None else "AND object_id = :object"
        rows = self._execute(f"{_COVERED} {by_object} ORDER BY start_ns", parameters).fetchall()
        if not rows:
            return Removed(0, NEVER, {})
        (row,) = self._execute("SELECT row FROM flows WHERE id = ?", (flow_id,)).fetchone()
        self._connection.executemany(
            "DELETE FROM segments WHERE flow = ? AND start_ns = ?", ((row, found[0]) for found in rows)
        )
        self._execute(_STATS, {"row": row, "change": -len(rows), "now": now})
        span = TimeRange(rows[0][0], rows[-1][1], bool(rows[-1][2]))
        return Removed(len(rows), span, Counter(found[3] for found in rows))


def _bounds(flow_id: str, timerange: TimeRange) -> dict[str, str | int]:
    low = MIN_NS if timerange.start is None else timerange.start
    high = MAX_NS if timerange.end is None else timerange.end
    return {"flow": flow_id, "low": low, "high": high}


def _values(row: int, segment: Segment, known: MediaObject) -> tuple[object, ...]:
    timerange = segment.timerange
    urls = msgspec.json.encode(segment.external_urls) if segment.external_urls else None
    return (
        row, timerange.start, timerange.end, timerange.end_inclusive, segment.object_id,
        known.storage_id, known.storage_path, urls, document(segment),
    )  # fmt: skip
