"""The segment index.

Segments of a flow never overlap, so the one that reaches into a range from before is the last to start
at or before the range's start: every range query is one seek for that row, then a scan of what is asked
for. Its cost does not depend on the length of the flow.
"""

import sqlite3
from collections.abc import Sequence
from itertools import chain, repeat
from typing import Any, Final

from services.metadata.adapters.sqlite.segment_lines import gather
from services.metadata.adapters.sqlite.segment_queries import (
    FLOW_ROW,
    bounds,
    ends_of,
    of_page,
    page_parameters,
    span_of,
)
from services.metadata.application.pages import PAGE_BYTES
from services.metadata.application.ports import Removed, SegmentQuery
from services.metadata.application.segment_pages import lines_page
from services.metadata.domain.object import MediaObject
from services.metadata.domain.segment import Segment, StoredSegment
from services.metadata.domain.segment_lines import SegmentLines
from services.metadata.domain.stored_segments import Columns, StoredSegments
from services.shared.timerange import NEVER, TimeRange

_SELECT: Final = "SELECT start_ns, end_ns, end_inclusive, doc, storage, storage_path, external_urls"
_INSERT: Final = """
    INSERT INTO segments
        (flow, start_ns, end_ns, end_inclusive, doc, storage, storage_path, external_urls, object_id)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_EXTERNAL_URLS: Final = StoredSegment._fields.index("external_urls")
# The interpreter is free for others while a statement runs, but goes back and forth between rows.
_ROWS_AT_ONCE: Final = 50
_INSERT_MANY: Final = _INSERT + ", (?, ?, ?, ?, ?, ?, ?, ?, ?)" * (_ROWS_AT_ONCE - 1)
_COVERED: Final = """
    SELECT start_ns, end_ns, end_inclusive, object_id FROM segments
    WHERE flow = :row AND start_ns >= :low AND start_ns < :high AND end_ns <= :high
"""
# The ends of a timeline are the ends of its index.
_ENDS: Final = """
    start_ns = (SELECT start_ns FROM segments WHERE flow = :row ORDER BY start_ns LIMIT 1),
    end_ns = (SELECT end_ns FROM segments WHERE flow = :row ORDER BY start_ns DESC LIMIT 1),
    end_inclusive = coalesce(
        (SELECT end_inclusive FROM segments WHERE flow = :row ORDER BY start_ns DESC LIMIT 1), 0)
"""
_COUNT: Final = f"""
    UPDATE flow_stats SET segments = segments + :change, updated = :now, {_ENDS} WHERE flow = :row
"""
_FIRST_COUNT: Final = """
    INSERT INTO flow_stats (flow, segments, end_inclusive) VALUES (?, 0, 0)
"""


class SqliteSegments:
    """Segments of flows by start."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._execute = connection.execute

    def page(self, query: SegmentQuery, limit: int) -> StoredSegments:
        """Up to `limit` segments that overlap the range, in time order (reversed if asked).

        Ends once no page holds more.
        """
        if query.timerange.empty:
            return StoredSegments()
        rows = _rows(self._execute(f"{_SELECT} {of_page(query)}", page_parameters(query, limit)))
        columns = Columns(*zip(*rows, strict=True))
        return StoredSegments(columns._replace(storage_id=self._storage_ids(columns.storage_id)))

    def lines(self, query: SegmentQuery, size: int) -> SegmentLines:
        """A page of up to `size` segments that overlap the range, as text."""
        if query.timerange.empty:
            return SegmentLines()
        found = gather(self._execute, query, size)
        return found if found is not None else lines_page(self.page(query, size + 1), size)

    def extent(self, flow_id: str, within: TimeRange) -> TimeRange:
        """Smallest range that spans the segments overlapping `within`; empty when there are none."""
        ends = [self.page(SegmentQuery(flow_id, within, reverse=reverse), 1) for reverse in (False, True)]
        if not all(ends):
            return NEVER
        (first,), (last,) = ends
        return TimeRange(first.start_ns, last.end_ns, bool(last.end_inclusive))

    def occupied(self, flow_id: str, ranges: Sequence[TimeRange]) -> list[bool]:
        """For each of the ranges, whether a segment of the flow overlaps it."""
        # Most often nothing is there at all, which one look at the whole stretch tells.
        if len(ranges) > 1 and not self._occupied(bounds(flow_id, span_of(ranges))):
            return [False] * len(ranges)
        return [self._occupied(bounds(flow_id, timerange)) for timerange in ranges]

    def _occupied(self, bounds: dict[str, Any]) -> bool:
        found = self._execute(
            f"SELECT end_ns FROM segments WHERE flow = {FLOW_ROW} AND start_ns < :high"
            " ORDER BY start_ns DESC LIMIT 1",
            bounds,
        ).fetchone()
        return found is not None and found[0] > bounds["low"]

    def insert(self, timeline: int, segments: Sequence[tuple[Segment, MediaObject]], now: str) -> None:
        """Store segments that overlap nothing, and bring the flow's statistics up to date."""
        storages = self._storages({item.storage_id for _, item in segments})
        starts, ends, inclusive, documents, storage_ids, *rest = StoredSegments.new(segments).columns
        rows = list(
            zip(
                repeat(timeline),
                *(starts, ends, inclusive, documents),
                [storages[one] for one in storage_ids],
                *rest,
                [segment.object_id for segment, _ in segments],
            )
        )
        alone = len(rows) % _ROWS_AT_ONCE
        for first in range(alone, len(rows), _ROWS_AT_ONCE):
            self._execute(_INSERT_MANY, list(chain.from_iterable(rows[first : first + _ROWS_AT_ONCE])))
        self._connection.executemany(_INSERT, rows[:alone])
        self._count_added(timeline, len(segments), now)

    def _count_added(self, timeline: int, change: int, now: str) -> None:
        parameters = {"row": timeline, "change": change, "now": now}
        if not self._execute(_COUNT, parameters).rowcount:
            self._execute(_FIRST_COUNT, (timeline,))
            self._execute(_COUNT, parameters)

    def _storage_ids(self, rows: Sequence[Any]) -> Sequence[str | None]:
        """The storage backend of each segment; a join would look it up as often as there are segments."""
        find = "SELECT id FROM storages WHERE row = ?"
        ids = {one: self._execute(find, (one,)).fetchone()[0] for one in set(rows) - {None}}
        return [ids.get(one) for one in rows]

    def _storages(self, ids: set[str | None]) -> dict[str | None, int | None]:
        """The short id of each storage backend."""
        find = "SELECT row FROM storages WHERE id = ?"
        known = {one: self._execute(find, (one,)).fetchone() for one in ids if one is not None}
        return {None: None} | {one: row for one, (row,) in known.items()}

    def delete(
        self, timeline: int, within: TimeRange, object_id: str | None, limit: int, now: str
    ) -> Removed:
        """Remove the first `limit` segments that `within` covers, and bring statistics up to date."""
        low, high = ends_of(within)
        parameters = {"row": timeline, "low": low, "high": high, "object": object_id, "limit": limit}
        by_object = "" if object_id is None else "AND object_id = :object"
        sql = f"{_COVERED} {by_object} ORDER BY start_ns LIMIT :limit"
        rows = self._execute(sql, parameters).fetchall()
        if within.empty or not rows:
            return Removed(0, NEVER, frozenset())
        self._connection.executemany(
            "DELETE FROM segments WHERE flow = ? AND start_ns = ?", ((timeline, found[0]) for found in rows)
        )
        self._execute(_COUNT, {"row": timeline, "change": -len(rows), "now": now})
        span = TimeRange(rows[0][0], rows[-1][1], bool(rows[-1][2]))
        return Removed(len(rows), span, frozenset(found[3] for found in rows))


def _rows(cursor: sqlite3.Cursor) -> list[Any]:
    rows: list[Any] = []
    held = 0
    while held <= PAGE_BYTES and (some := cursor.fetchmany(_ROWS_AT_ONCE)):
        rows += some
        # All else in a row is small.
        held += sum(len(row[_EXTERNAL_URLS]) for row in some if row[_EXTERNAL_URLS])
    return rows
