"""Selects the rows of a query request: those of its split and sub-splits, from a row id on, up to a limit."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulators.vast.queries.arrow import row_id_array
from simulators.vast.queries.framing import NO_MORE_ROWS
from simulators.vast.queries.predicates import matching
from simulators.vast.queries.relation import Query
from simulators.vast.tables.segments import SEGMENT_ROWS, Segment
from simulators.vast.tables.table import ROW_ID, Projection, Table


@dataclass(frozen=True)
class Share:
    """A sub-split. Blocks of row groups are assigned in turn to all sub-splits of all splits."""

    number: int
    total: int
    row_groups: int

    def of(self, segment: Segment, start: int) -> Segment:
        """Returns the rows of a segment, from a row id on, that belong to this sub-split."""
        block_rows = self.row_groups * SEGMENT_ROWS
        first = int(np.searchsorted(segment.ids, start))
        rest = segment.cut(first, len(segment.ids))
        if len(rest.ids) == 0 or self.total == 1:
            return rest
        if rest.ids[0] // block_rows == rest.ids[-1] // block_rows:
            mine = int(rest.ids[0]) // block_rows % self.total == self.number
            return rest if mine else rest.cut(0, 0)
        mine = (rest.ids // np.uint64(block_rows)) % np.uint64(self.total) == self.number
        return Segment(rest.ids[mine], rest.batch.filter(pa.array(mine)))


def scan(table: Table, query: Query, share: Share, start: int, limit: int) -> tuple[int, pa.RecordBatch]:
    """Returns the next row id, and the rows that match from `start` on, at most `limit`."""
    found: list[Segment] = []
    room = limit
    for segment in table.segments:
        if int(segment.ids[-1]) < start:
            continue
        rows = _matching(share.of(segment, start), query)
        if len(rows.ids):
            found.append(rows.cut(0, min(room, len(rows.ids))))
            room -= len(found[-1].ids)
        if room == 0:
            break
    next_row = int(found[-1].ids[-1]) + 1 if room == 0 else NO_MORE_ROWS
    return next_row, _projected(table, query, found)


def scan_sorted(
    table: Table, query: Query, projection: Projection, start: int, limit: int
) -> tuple[int, pa.RecordBatch]:
    """Returns the next position, and the rows that match in the projection's order."""
    wide = Query(tuple(dict.fromkeys(query.projected + projection.sorted_columns)), query.condition)
    batch = _projected(table, wide, [_matching(segment, wide) for segment in table.segments])
    order = pc.sort_indices(batch, sort_keys=[(name, "ascending") for name in projection.sorted_columns])
    page = batch.take(order.slice(start, limit)).select(query.projected)
    more = limit > 0 and start + limit < batch.num_rows
    return (start + limit if more else NO_MORE_ROWS), page


def chosen_projection(table: Table, query: Query, named: str | None, *, automatic: bool) -> Projection | None:
    """Returns the projection for a query: the one named, or one whose first sorted column is tested."""
    if named is not None:
        return next((p for p in table.projections if p.name == named), None)
    needed = query.tested | set(query.projected)
    suited = (
        p for p in table.projections if needed <= set(p.columns) and p.sorted_columns[0] in query.tested
    )
    return next(suited, None) if automatic else None


def row_group_count(table: Table) -> int:
    """Returns the number of row groups of a table."""
    return -(-table.row_count // SEGMENT_ROWS)


def _matching(segment: Segment, query: Query) -> Segment:
    """The rows of a segment that fulfil the condition."""
    if query.condition is None or len(segment.ids) == 0:
        return segment
    mask = matching(query.condition, segment.batch.column)
    if mask is True:
        return segment
    kept = segment.batch.select([name for name in query.projected if name != ROW_ID]).filter(mask)
    return Segment(segment.ids[mask.to_numpy(zero_copy_only=False)], kept)


def _projected(table: Table, query: Query, found: list[Segment]) -> pa.RecordBatch:
    """The query's columns of the rows found, as one batch."""
    fields = [pa.field(n, table.row_id_type) if n == ROW_ID else table.field(n) for n in query.projected]
    if not fields:
        count = sum(len(rows.ids) for rows in found)
        return pa.record_batch([pa.nulls(count)], names=[""]).select([])
    ids = np.concatenate([rows.ids for rows in found]) if found else np.empty(0, np.uint64)
    columns = [
        row_id_array(ids, field.type)
        if field.name == ROW_ID
        else _joined([rows.batch.column(field.name) for rows in found], field.type)
        for field in fields
    ]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))


def _joined(arrays: list[pa.Array], kind: pa.DataType) -> pa.Array:
    if not arrays:
        return pa.array([], kind)
    return arrays[0] if len(arrays) == 1 else pa.concat_arrays(arrays)
