"""The table of segments.

Segments of a flow never overlap, so only the last one that starts at or before a range can reach into it.
So a query for a range seeks that row, then reads the rows of its result. Its cost does not depend on the
length of the flow.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final, TypeAlias

from services.metadata.adapters.sqlite.objects import add_objects
from services.metadata.adapters.sqlite.segments.lines import uniform_page
from services.metadata.adapters.sqlite.segments.queries import (
    FLOW_ROW,
    RangeParameters,
    bounds,
    page_clause,
    page_parameters,
    range_parameters,
    span_of,
)
from services.metadata.application.pages import PAGE_BYTES
from services.metadata.application.ports import Removed, SegmentQuery
from services.metadata.application.segments.pages import lines_page
from services.metadata.domain.ids import FlowId, ObjectId, StorageId
from services.metadata.domain.objects.object import MediaObject
from services.metadata.domain.segments.lines import SegmentLines
from services.metadata.domain.segments.segment import Segment, StoredSegment
from services.metadata.domain.segments.stored import stored_segments
from services.shared.timerange import MIN_NS, NEVER, TimeRange

_SELECT: Final = "SELECT start_ns, end_ns, end_inclusive, doc, storage, storage_path, external_urls, copies"
_INSERT: Final = """
    INSERT INTO segments
        (flow, start_ns, end_ns, end_inclusive, doc, storage, storage_path, external_urls, copies,
        object_id)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
# The columns of _SELECT.
_Row: TypeAlias = tuple[int, int, int, bytes, int | None, str | None, bytes | None, str | None]
# Other threads run during a statement, but the interpreter may switch threads after each row. So statements
# handle many rows.
_ROWS_AT_ONCE: Final = 50
_INSERT_MANY: Final = _INSERT + ", (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)" * (_ROWS_AT_ONCE - 1)
_FIRST: Final = f"{_SELECT} FROM segments WHERE flow = ? AND start_ns >= ? ORDER BY start_ns LIMIT ?"
_COVERED: Final = """
    SELECT start_ns, end_ns, end_inclusive, object_id FROM segments
    WHERE flow = :row AND start_ns >= :low AND start_ns < :high AND end_ns <= :high
"""
# The extent of a timeline is read from both ends of the index.
_EXTENT: Final = """
    start_ns = (SELECT start_ns FROM segments WHERE flow = :row ORDER BY start_ns LIMIT 1),
    end_ns = (SELECT end_ns FROM segments WHERE flow = :row ORDER BY start_ns DESC LIMIT 1),
    end_inclusive = coalesce(
        (SELECT end_inclusive FROM segments WHERE flow = :row ORDER BY start_ns DESC LIMIT 1), 0)
"""
_COUNT: Final = f"""
    UPDATE flow_stats SET segments = segments + :change, updated = :now, {_EXTENT} WHERE flow = :row
"""
# The count may be wrong, so it is corrected where segments are left, or none.
_COUNT_REMAINING: Final = f"""
    UPDATE flow_stats SET updated = :now, {_EXTENT}, segments =
        iif(EXISTS (SELECT 1 FROM segments WHERE flow = :row), max(1, segments - :removed), 0)
    WHERE flow = :row
"""
_PLACE: Final = """
    UPDATE segments SET storage = (SELECT row FROM storages WHERE id = ?), storage_path = ?, copies = ?
    WHERE object_id = ?
"""
_FIRST_COUNT: Final = """
    INSERT INTO flow_stats (flow, segments, end_inclusive) VALUES (?, 0, 0)
"""


class SqliteSegments:
    """Segments of flows by start."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._execute = connection.execute

    def page(self, query: SegmentQuery, limit: int) -> list[StoredSegment]:
        """Up to `limit` segments that overlap the range, in order of time, or reversed.

        They are fewer if a page cannot hold more bytes.
        """
        if query.timerange.empty:
            return []
        rows = _fetch_page(self._execute(f"{_SELECT} {page_clause(query)}", page_parameters(query, limit)))
        return self._stored(rows)

    def _stored(self, rows: Sequence[_Row]) -> list[StoredSegment]:
        storage_ids = self._storage_ids({storage for *_, storage, _, _, _ in rows})
        return [
            StoredSegment(start, end, inclusive, document, storage_ids[storage], path, urls, copies)
            for start, end, inclusive, document, storage, path, urls, copies in rows
        ]

    def lines(self, query: SegmentQuery, size: int) -> SegmentLines:
        """A page of up to `size` segments that overlap the range, as text."""
        if query.timerange.empty:
            return SegmentLines()
        page = uniform_page(self._execute, query, size)
        return page if page is not None else lines_page(self.page(query, size + 1), size)

    def extent(self, flow_id: FlowId, within: TimeRange) -> TimeRange:
        """The smallest range that spans the segments overlapping `within`; empty without such segments."""
        edges = [self.page(SegmentQuery(flow_id, within, reverse=reverse), 1) for reverse in (False, True)]
        if not all(edges):
            return NEVER
        (first,), (last,) = edges
        return TimeRange(first.start_ns, last.end_ns, bool(last.end_inclusive))

    def occupied(self, flow_id: FlowId, ranges: Sequence[TimeRange]) -> list[bool]:
        """True for each range that a segment of the flow overlaps, in the order of the ranges."""
        # Mostly there is no segment at all, which a single query for all ranges shows.
        if len(ranges) > 1 and not self._is_occupied(range_parameters(flow_id, span_of(ranges))):
            return [False] * len(ranges)
        return [self._is_occupied(range_parameters(flow_id, timerange)) for timerange in ranges]

    def _is_occupied(self, parameters: RangeParameters) -> bool:
        row = self._execute(
            f"SELECT end_ns FROM segments WHERE flow = {FLOW_ROW} AND start_ns < :high"
            " ORDER BY start_ns DESC LIMIT 1",
            parameters,
        ).fetchone()
        return row is not None and row[0] > parameters["low"]

    def insert(
        self,
        timeline: int,
        segments: Sequence[tuple[Segment[ObjectId], MediaObject]],
        now: str,
        new_objects: Sequence[MediaObject] = (),
    ) -> None:
        """Store segments, which overlap none, and their new objects; update the flow's statistics.

        `now` is RFC 3339 text.
        """
        if new_objects:
            add_objects(self._connection, new_objects)
        storage_rows = self._storage_rows({item.storage_id for _, item in segments})
        rows = [
            (
                timeline,
                start,
                end,
                inclusive,
                document,
                storage_rows[storage_id],
                path,
                urls,
                copies,
                segment.object_id,
            )
            for (segment, _), (start, end, inclusive, document, storage_id, path, urls, copies) in zip(
                segments, stored_segments(segments), strict=True
            )
        ]
        single_rows = len(rows) % _ROWS_AT_ONCE
        for first in range(single_rows, len(rows), _ROWS_AT_ONCE):
            self._execute(_INSERT_MANY, list(chain.from_iterable(rows[first : first + _ROWS_AT_ONCE])))
        self._connection.executemany(_INSERT, rows[:single_rows])
        self._count_added(timeline, len(segments), now)

    def _count_added(self, timeline: int, change: int, now: str) -> None:
        parameters = {"row": timeline, "change": change, "now": now}
        if not self._execute(_COUNT, parameters).rowcount:
            self._execute(_FIRST_COUNT, (timeline,))
            self._execute(_COUNT, parameters)

    def _storage_ids(self, rows: set[int | None]) -> dict[int | None, StorageId | None]:
        """The ids of storage backends by their rows. A join would look them up for each segment."""
        find = "SELECT id FROM storages WHERE row = ?"
        ids = {row: self._execute(find, (row,)).fetchone()[0] for row in rows if row is not None}
        return {None: None} | ids

    def _storage_rows(self, ids: set[StorageId | None]) -> dict[StorageId | None, int | None]:
        """The rows of storage backends by their ids."""
        find = "SELECT row FROM storages WHERE id = ?"
        rows = {
            storage_id: self._execute(find, (storage_id,)).fetchone()[0]
            for storage_id in ids
            if storage_id is not None
        }
        return {None: None} | rows

    def delete(
        self, timeline: int, within: TimeRange, object_id: str | None, limit: int, now: str
    ) -> Removed:
        """Delete the first `limit` segments that `within` covers, and update the flow's statistics."""
        covered = self._covered(timeline, within, object_id, limit + 1)
        rows = covered[:limit]
        if not rows:
            return Removed(0, NEVER, frozenset())
        self._connection.executemany(
            "DELETE FROM segments WHERE flow = ? AND start_ns = ?", ((timeline, row[0]) for row in rows)
        )
        self._execute(_COUNT_REMAINING, {"row": timeline, "removed": len(rows), "now": now})
        return _removed(rows, has_more=len(covered) > limit)

    def move(
        self, timeline: int, within: TimeRange, object_id: str | None, now: str, *, limit: int, target: int
    ) -> Removed:
        """Move the first `limit` segments that `within` covers to another timeline."""
        covered = self._covered(timeline, within, object_id, limit + 1)
        rows = covered[:limit]
        if not rows:
            return Removed(0, NEVER, frozenset())
        self._connection.executemany(
            "UPDATE segments SET flow = ? WHERE flow = ? AND start_ns = ?",
            ((target, timeline, row[0]) for row in rows),
        )
        self._execute(_COUNT_REMAINING, {"row": timeline, "removed": len(rows), "now": now})
        self._count_added(target, len(rows), now)
        return _removed(rows, has_more=len(covered) > limit)

    def place(self, objects: Iterable[MediaObject]) -> None:
        """Write the places of objects and of their copies into all segments that reference them."""
        rows = [(item.storage_id, item.storage_path, item.copies, item.id) for item in objects]
        self._connection.executemany(_PLACE, rows)

    def first(self, timeline: int, after: int | None, limit: int) -> list[StoredSegment]:
        """The first `limit` segments of a timeline that start after a time in nanoseconds, in order."""
        low = MIN_NS if after is None else after + 1
        return self._stored(_fetch_page(self._execute(_FIRST, (timeline, low, limit))))

    def _covered(
        self, timeline: int, within: TimeRange, object_id: str | None, limit: int
    ) -> list[tuple[int, int, int, ObjectId]]:
        low, high = bounds(within)
        parameters = {"row": timeline, "low": low, "high": high, "object": object_id, "limit": limit}
        by_object = "" if object_id is None else "AND object_id = :object"
        sql = f"{_COVERED} {by_object} ORDER BY start_ns LIMIT :limit"
        return [] if within.empty else self._execute(sql, parameters).fetchall()


def _removed(rows: Sequence[tuple[int, int, int, ObjectId]], *, has_more: bool) -> Removed:
    span = TimeRange(rows[0][0], rows[-1][1], bool(rows[-1][2]))
    return Removed(len(rows), span, frozenset(row[3] for row in rows), has_more)


def _fetch_page(cursor: sqlite3.Cursor) -> list[_Row]:
    """The rows, until their external URLs exceed PAGE_BYTES; other columns are small."""
    rows: list[_Row] = []
    size = 0
    while size <= PAGE_BYTES and (chunk := cursor.fetchmany(_ROWS_AT_ONCE)):
        rows += chunk
        size += sum(len(external_urls) for *_, external_urls, _ in chunk if external_urls)
    return rows
