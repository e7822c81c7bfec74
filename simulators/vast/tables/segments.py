"""Rows of a table as immutable segments in ascending order of row id; every change makes new segments."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

SEGMENT_ROWS = 1 << 16

RowIds = npt.NDArray[np.uint64]


class Segment(NamedTuple):
    """Rows with ids, ascending, and values."""

    ids: RowIds
    batch: pa.RecordBatch

    def cut(self, start: int, stop: int) -> "Segment":
        """Returns a part, which shares the memory."""
        return Segment(self.ids[start:stop], self.batch.slice(start, stop - start))


Segments = tuple[Segment, ...]


def insert(segments: Segments, new: Segment) -> Segments:
    """Returns the segments with new rows inserted in the order of their ids."""
    first, last = new.ids[0], new.ids[-1]
    before = [s for s in segments if s.ids[-1] < first]
    after = [s for s in segments if s.ids[0] > last]
    between = segments[len(before) : len(segments) - len(after)]
    if between:
        new = _sorted(_joined([*between, new]))
    before.extend(new.cut(start, start + SEGMENT_ROWS) for start in range(0, len(new.ids), SEGMENT_ROWS))
    if not after:
        _merge_tail(before)
    return tuple(before + after)


def update(segments: Segments, ids: RowIds, values: pa.RecordBatch) -> Segments:
    """Returns the segments with columns of the named rows replaced; unknown ids are ignored."""
    changed: list[Segment] = []
    for segment in segments:
        at, rows = _positions(segment, ids)
        if len(at) == 0:
            changed.append(segment)
            continue
        start, stop = int(at[0]), int(at[-1]) + 1
        window = segment.cut(start, stop)
        batch = _replaced(window.batch, at - start, values.take(pa.array(rows)))
        pieces = (segment.cut(0, start), Segment(window.ids, batch), segment.cut(stop, len(segment.ids)))
        changed.extend(piece for piece in pieces if len(piece.ids))
    return _compact(changed)


def delete(segments: Segments, ids: RowIds) -> Segments:
    """Returns the segments without the named rows; unknown ids are ignored."""
    changed: list[Segment] = []
    for segment in segments:
        at, _ = _positions(segment, ids)
        if len(at) == 0:
            changed.append(segment)
            continue
        start, stop = int(at[0]), int(at[-1]) + 1
        kept = np.ones(stop - start, dtype=bool)
        kept[at - start] = False
        window = Segment(
            segment.ids[start:stop][kept], segment.batch.slice(start, stop - start).filter(pa.array(kept))
        )
        pieces = (segment.cut(0, start), window, segment.cut(stop, len(segment.ids)))
        changed.extend(piece for piece in pieces if len(piece.ids))
    return _compact(changed)


def contains_any(segments: Segments, ids: RowIds) -> bool:
    """Returns True if one of the ids exists."""
    return any(len(_positions(segment, ids)[0]) for segment in segments)


def contains_all(segments: Segments, ids: RowIds) -> bool:
    """Returns for each of the ids whether it exists."""
    return sum(len(_positions(segment, ids)[0]) for segment in segments) == len(ids)


def _positions(segment: Segment, ids: RowIds) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The positions of the ids (ascending) in the segment, and in the list of ids."""
    low = np.searchsorted(ids, segment.ids[0], "left")
    high = np.searchsorted(ids, segment.ids[-1], "right")
    wanted = ids[low:high]
    at = np.searchsorted(segment.ids, wanted)
    found = segment.ids[at] == wanted
    return at[found], np.flatnonzero(found) + low


def _replaced(batch: pa.RecordBatch, at: npt.NDArray[np.intp], values: pa.RecordBatch) -> pa.RecordBatch:
    picks = np.arange(batch.num_rows)
    picks[at] = batch.num_rows + np.arange(len(at))
    columns = list(batch.columns)
    for name in values.schema.names:
        index = batch.schema.get_field_index(name)
        columns[index] = pa.concat_arrays([columns[index], values.column(name)]).take(pa.array(picks))
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _joined(segments: Sequence[Segment]) -> Segment:
    batch = pa.concat_batches([s.batch for s in segments])
    return Segment(np.concatenate([s.ids for s in segments]), batch)


def _sorted(segment: Segment) -> Segment:
    order = np.argsort(segment.ids)
    return Segment(segment.ids[order], segment.batch.take(pa.array(order)))


def _merge_tail(segments: list[Segment]) -> None:
    """Joins the last segments while their sizes are similar: n small inserts leave about log n segments."""
    while len(segments) > 1:
        previous, last = segments[-2:]
        total = len(previous.ids) + len(last.ids)
        if len(previous.ids) > 2 * len(last.ids) or total > SEGMENT_ROWS:
            return
        segments[-2:] = [_joined((previous, last))]


def _compact(segments: list[Segment]) -> Segments:
    """Joins neighbours if updates and deletions have left many small segments."""
    rows = sum(len(s.ids) for s in segments)
    if len(segments) <= 64 + 2 * rows // SEGMENT_ROWS:
        return tuple(segments)
    runs: list[list[Segment]] = [[]]
    size = 0
    for segment in segments:
        if size + len(segment.ids) > SEGMENT_ROWS:
            runs.append([])
            size = 0
        runs[-1].append(segment)
        size += len(segment.ids)
    return tuple(_joined(run) for run in runs if run)
