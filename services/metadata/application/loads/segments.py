"""Segments in bulk loads."""

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Raw, Struct

from services.metadata.application.access import require_owning_flow
from services.metadata.application.clock import Moment
from services.metadata.application.loads.kinds import SLICE, IndexedRow, Inserted, RowKind, Step, Undone
from services.metadata.application.ports import Tables
from services.metadata.application.segments.registration import Failure, register
from services.metadata.application.webhooks.outbox import Outbox
from services.metadata.domain.documents.jsons import ENCODE, decode
from services.metadata.domain.ids import FlowId
from services.metadata.domain.load import Keys, Stretch
from services.metadata.domain.objects.external_url import ExternalUrl
from services.metadata.domain.segments.segment import Segment
from services.shared.errors import Conflict, TamsError
from services.shared.timerange import TimeRange, has_exclusive_start, parse_timestamp

_Count = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class _SegmentRow(Struct):
    flow_id: str
    object_id: str
    timerange: str
    ts_offset: str = "0:0"
    last_duration: str | None = None
    sample_offset: _Count | None = None
    sample_count: _Count | None = None
    key_frame_count: _Count | None = None
    get_urls: list[ExternalUrl] = []


class _PlainRow(_SegmentRow, forbid_unknown_fields=True):
    """A row with only the members that TAMS 7.0 defines."""


# A segment with the id of its flow.
_Row = tuple[str, Segment[str]]
_IndexedSegment = tuple[int, Segment[str]]
# Segments of one flow in a batch. Above this, read-ahead costs more than it saves.
_LARGE: Final = 50
_row: Final = msgspec.json.Decoder(_SegmentRow)
_plain_rows: Final = msgspec.json.Decoder(list[_PlainRow])
_members: Final = msgspec.json.Decoder(dict[str, Raw])


def segment_rows(url_schemes: Collection[str]) -> RowKind[_Row]:
    """Segments as rows of a load. Their external URLs may have one of the schemes."""
    insert = partial(_insert, url_schemes)
    return RowKind(_read, insert, _undo, partial(_steps, insert), _read_all)


def _read(document: bytes) -> _Row:
    return _flow_and_segment(decode(_row, document, "BAD_ROW"), _extra_members(document))


def _extra_members(document: bytes) -> bytes:
    defined = _SegmentRow.__struct_fields__
    extra = {name: value for name, value in _members.decode(document).items() if name not in defined}
    return ENCODE(extra) if extra else b""


def _flow_and_segment(row: _SegmentRow, extra: bytes = b"") -> _Row:
    duration, offset = row.last_duration, row.ts_offset
    segment = Segment(
        row.object_id,
        TimeRange.parse(row.timerange),
        0 if offset == "0:0" else parse_timestamp(offset),
        None if duration is None else parse_timestamp(duration),
        row.sample_offset,
        row.sample_count,
        row.key_frame_count,
        row.get_urls,
        extra,
        has_exclusive_start(row.timerange),
    )
    return row.flow_id, segment


def _read_all(body: bytes) -> list[_Row] | None:
    """All rows of a list, several times faster than one by one; None if a row is not plain or is bad."""
    try:
        return list(map(_flow_and_segment, _plain_rows.decode(body)))
    except (msgspec.MsgspecError, UnicodeDecodeError, TamsError):
        return None


def _steps(
    insert: Callable[[Tables, Sequence[IndexedRow[_Row]], Moment], Inserted],
    rows: Sequence[IndexedRow[_Row]],
    now: Moment,
) -> list[Step]:
    """A step for each flow; none if the flows have many segments each, which are read together anyway."""

    def step(flow_id: str, segments: Sequence[_IndexedSegment]) -> Step:
        return lambda tables: insert(tables, [(i, (flow_id, segment)) for i, segment in segments], now)

    by_flow = _by_flow(rows)
    if len(by_flow) * _LARGE < len(rows):
        return []
    return [step(flow_id, segments) for flow_id, segments in by_flow.items()]


def _insert(
    url_schemes: Collection[str], tables: Tables, rows: Sequence[IndexedRow[_Row]], now: Moment
) -> Inserted:
    """Register the segments, flow by flow."""
    failures: list[Failure] = []
    stretches: list[Stretch] = []
    for flow_id, segments in _by_flow(rows).items():
        try:
            flow = require_owning_flow(tables, flow_id)
        except TamsError as error:
            failures += (Failure(index, error) for index, _ in segments)
            continue
        try:
            refused = register(tables, flow, [segment for _, segment in segments], now, url_schemes)
        except Conflict as error:
            failures += (Failure(index, error) for index, _ in segments)
            continue
        failures += (Failure(segments[failure.index][0], failure.error) for failure in refused)
        refused_places = {failure.index for failure in refused}
        stored = (segment for place, (_, segment) in enumerate(segments) if place not in refused_places)
        stretches += _stretches(flow.id, flow.timeline, (segment.timerange for segment in stored))
    return Inserted(len(rows) - len(failures), Keys(stretches=stretches), failures)


def _by_flow(rows: Sequence[IndexedRow[_Row]]) -> dict[str, list[_IndexedSegment]]:
    by_flow: dict[str, list[_IndexedSegment]] = {}
    for index, (flow_id, segment) in rows:
        by_flow.setdefault(flow_id, []).append((index, segment))
    return by_flow


def _stretches(flow_id: FlowId, timeline: int, ranges: Iterable[TimeRange]) -> Iterable[Stretch]:
    bounds = sorted(
        (timerange.start, timerange.end)
        for timerange in ranges
        if timerange.start is not None and timerange.end is not None
    )
    if not bounds:
        return
    start, end = bounds[0]
    for next_start, next_end in bounds[1:]:
        if next_start != end:
            yield Stretch(flow_id, timeline, start, end)
            start = next_start
        end = next_end
    yield Stretch(flow_id, timeline, start, end)


def _undo(tables: Tables, keys: Keys, now: Moment) -> Undone:
    """Remove up to SLICE segments, those of the last stretch first."""
    stretches, removed_count = list(keys.stretches), 0
    while stretches and removed_count < SLICE:
        stretch, limit = stretches[-1], SLICE - removed_count
        within = TimeRange(stretch.start_ns, stretch.end_ns)
        removed = tables.segments.delete(stretch.timeline, within, None, limit, now.text)
        tables.objects.release(removed.objects)
        flow = tables.flows.get(stretch.flow_id)
        if flow is not None and flow.timeline == stretch.timeline:
            Outbox(tables, now).segments_deleted(flow, removed.span)
        removed_count += removed.segments
        if removed.segments < limit:
            stretches.pop()
    return Undone(Keys(stretches=stretches), removed_count, 0)
