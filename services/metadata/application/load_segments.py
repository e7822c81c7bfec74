"""Segments in bulk loads."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from services.metadata.application.access import owning_flow
from services.metadata.application.clock import Moment
from services.metadata.application.load_kinds import SLICE, Inserted, Step, Undone
from services.metadata.application.objects import release
from services.metadata.application.outbox import Outbox
from services.metadata.application.ports import Tables
from services.metadata.application.registering import Failed, register
from services.metadata.domain.jsons import decode
from services.metadata.domain.load import Keys, Stretch
from services.metadata.domain.segment import ExternalUrl, Segment
from services.shared.errors import InvalidArgument, TamsError
from services.shared.timerange import TimeRange, parse_timestamp


class _SegmentRow(Struct):
    flow_id: str
    object_id: str
    timerange: str
    ts_offset: str = "0:0"
    last_duration: str | None = None
    sample_offset: int | None = None
    sample_count: int | None = None
    key_frame_count: int | None = None
    get_urls: list[ExternalUrl] = []


# Segments of one flow in a batch, from where on trying costs more than it saves.
_LARGE: Final = 50
_segment: Final = msgspec.json.Decoder(_SegmentRow)
_segments: Final = msgspec.json.Decoder(list[_SegmentRow])


def read_segment(row: bytes) -> tuple[str, Segment]:
    """The flow and the segment in a row; InvalidArgument when it is bad."""
    return _new_segment(decode(_segment, row, "BAD_ROW"))


def _new_segment(new: _SegmentRow) -> tuple[str, Segment]:
    if new.timerange[:1] == "(":
        raise InvalidArgument("a segment's start is always inclusive", reason="BAD_ROW", path="$.timerange")
    last, offset = new.last_duration, new.ts_offset
    segment = Segment(
        new.object_id,
        TimeRange.parse(new.timerange),
        0 if offset == "0:0" else parse_timestamp(offset),
        None if last is None else parse_timestamp(last),
        new.sample_offset,
        new.sample_count,
        new.key_frame_count,
        new.get_urls,
    )
    return new.flow_id, segment


def read_segments(body: bytes) -> list[tuple[str, Segment]] | None:
    """All segments of a list at once, several times quicker than one by one; None when one is bad."""
    try:
        return list(map(_new_segment, _segments.decode(body)))
    except (msgspec.MsgspecError, UnicodeDecodeError, TamsError):
        return None


def segment_steps(rows: Sequence[tuple[int, tuple[str, Segment]]], now: Moment) -> list[Step]:
    """A step for each flow."""

    def step(flow_id: str, entries: Sequence[tuple[int, Segment]]) -> Step:
        return lambda tables: insert_segments(tables, [(at, (flow_id, one)) for at, one in entries], now)

    by_flow = _by_flow(rows)
    if len(by_flow) * _LARGE < len(rows):
        return []  # those of a flow are read together anyway
    return [step(flow_id, entries) for flow_id, entries in by_flow.items()]


def insert_segments(tables: Tables, rows: Sequence[tuple[int, tuple[str, Segment]]], now: Moment) -> Inserted:
    """Register the segments, flow by flow."""
    failed: list[Failed] = []
    stretches: list[Stretch] = []
    for flow_id, entries in _by_flow(rows).items():
        try:
            flow = owning_flow(tables, flow_id)
        except TamsError as error:
            failed += (Failed(index, error) for index, _ in entries)
            continue
        refused = register(tables, flow, [segment for _, segment in entries], now)
        failed += (Failed(entries[one.index][0], one.error) for one in refused)
        bad = {one.index for one in refused}
        stored = (segment for at, (_, segment) in enumerate(entries) if at not in bad)
        stretches += _stretches(flow_id, flow.timeline, (segment.timerange for segment in stored))
    return Inserted(len(rows) - len(failed), Keys(stretches=stretches), failed)


def _by_flow(rows: Sequence[tuple[int, tuple[str, Segment]]]) -> dict[str, list[tuple[int, Segment]]]:
    by_flow: dict[str, list[tuple[int, Segment]]] = {}
    for index, (flow_id, segment) in rows:
        by_flow.setdefault(flow_id, []).append((index, segment))
    return by_flow


def _stretches(flow_id: str, timeline: int, ranges: Iterable[TimeRange]) -> Iterable[Stretch]:
    ends = sorted((one.start, one.end) for one in ranges if one.start is not None and one.end is not None)
    if not ends:
        return
    start, end = ends[0]
    for first, last in ends[1:]:
        if first != end:
            yield Stretch(flow_id, timeline, start, end)
            start = first
        end = last
    yield Stretch(flow_id, timeline, start, end)


def undo_segments(tables: Tables, keys: Keys, now: Moment) -> Undone:
    """Remove the last of the stretches, some segments at a time."""
    left, gone = list(keys.stretches), 0
    while left and gone < SLICE:
        stretch, limit = left[-1], SLICE - gone
        within = TimeRange(stretch.start_ns, stretch.end_ns)
        removed = tables.segments.delete(stretch.timeline, within, None, limit, now.text)
        release(tables, removed.objects)
        flow = tables.flows.get(stretch.flow_id)
        if flow is not None and flow.timeline == stretch.timeline:
            Outbox(tables, now.ns).segments_deleted(flow, removed.span)
        gone += removed.segments
        if removed.segments < limit:
            left.pop()
    return Undone(Keys(stretches=left), gone, 0)
