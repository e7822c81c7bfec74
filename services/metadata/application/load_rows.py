"""Rows of bulk loads: how each kind is read, inserted and removed again."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from services.metadata.application import flow_changes, source_changes
from services.metadata.application.access import owning_flow
from services.metadata.application.clock import Moment
from services.metadata.application.objects import release
from services.metadata.application.outbox import Outbox
from services.metadata.application.ports import Tables
from services.metadata.application.segments import Failed, register
from services.metadata.domain.essence import Uuid
from services.metadata.domain.event import SOURCE_CREATED
from services.metadata.domain.flow import FlowInput, parse_flow
from services.metadata.domain.jsons import ENCODE, decode
from services.metadata.domain.load import Keys, Kind, Stretch
from services.metadata.domain.object import MediaObject, State, check_id
from services.metadata.domain.segment import ExternalUrl, Segment
from services.metadata.domain.source import new_source
from services.shared.errors import AlreadyExists, InvalidArgument, TamsError
from services.shared.timerange import TimeRange, parse_timestamp

R = TypeVar("R")

# Rows that one step of a rollback removes.
SLICE: Final = 2000


class Inserted(NamedTuple):
    """What a batch inserted, and which of its rows failed."""

    rows: int
    keys: Keys
    failed: list[Failed]


class Undone(NamedTuple):
    """What is left to remove, how many rows went and how many stay because something needs them."""

    left: Keys
    removed: int
    kept: int


class RowKind(NamedTuple, Generic[R]):
    """How rows of a kind are read, inserted and removed again."""

    read: Callable[[bytes], R]
    insert: Callable[[Tables, Sequence[tuple[int, R]], Moment], Inserted]
    undo: Callable[[Tables, Keys, Moment], Undone]
    # A quick way to read all rows of a list; None when there is none or a row is bad.
    read_all: Callable[[bytes], list[R] | None] = lambda _: None


class _SourceRow(Struct):
    id: Uuid
    format: str
    label: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    tags: dict[str, str] | UnsetType = UNSET


class _ObjectRow(Struct):
    id: str
    flow_id: Uuid
    storage_id: Uuid
    storage_path: str


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


_source: Final = msgspec.json.Decoder(_SourceRow)
_object: Final = msgspec.json.Decoder(_ObjectRow)
_segment: Final = msgspec.json.Decoder(_SegmentRow)
_segments: Final = msgspec.json.Decoder(list[_SegmentRow])
_FORMATS: Final = frozenset(
    ("urn:x-tam:format:image", *(f"urn:x-nmos:format:{one}" for one in ("video", "audio", "data", "multi")))
)


def _read_source(row: bytes) -> _SourceRow:
    source = decode(_source, row, "BAD_ROW")
    if source.format not in _FORMATS:
        raise InvalidArgument("format is none of TAMS", reason="BAD_ROW", path="$.format")
    return source


def _read_object(row: bytes) -> _ObjectRow:
    item = decode(_object, row, "BAD_ROW")
    check_id(item.id, "BAD_ROW", "$.id")
    check_id(item.storage_path, "BAD_ROW", "$.storage_path")
    return item


def _read_segment(row: bytes) -> tuple[str, Segment]:
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


def _read_segments(body: bytes) -> list[tuple[str, Segment]] | None:
    """All segments of a list at once, several times quicker than one by one; None when one is bad."""
    try:
        return list(map(_new_segment, _segments.decode(body)))
    except (msgspec.MsgspecError, UnicodeDecodeError, TamsError):
        return None


def _insert_each(
    insert: Callable[[Tables, Any, Moment], str],
) -> Callable[[Tables, Sequence[tuple[int, Any]], Moment], Inserted]:
    """Rows one after the other: each may refer to those before it."""

    def insert_each(tables: Tables, rows: Sequence[tuple[int, Any]], now: Moment) -> Inserted:
        ids, failed = [], []
        for index, row in rows:
            try:
                ids.append(insert(tables, row, now))
            except TamsError as error:
                failed.append(Failed(index, error))
        return Inserted(len(ids), Keys(ids=ids), failed)

    return insert_each


def _insert_source(tables: Tables, row: _SourceRow, now: Moment) -> str:
    if tables.sources.get(row.id) is not None:
        raise AlreadyExists(f"source {row.id} exists", reason="ROW_EXISTS", path="$.id")
    document = new_source(row.id, row.format, now.text, None)
    tables.sources.insert(row.id, row.format, document)
    given = {"label": row.label, "description": row.description, "tags": row.tags}
    members = {name: value for name, value in given.items() if value is not UNSET}
    if members:
        label = None if row.label is UNSET else row.label
        tags = {} if row.tags is UNSET else row.tags
        tables.sources.replace(row.id, ENCODE(msgspec.json.decode(document) | members), label, tags)
    Outbox(tables, now.ns).source(SOURCE_CREATED, source_changes.known_source(tables, row.id))
    return row.id


def _insert_flow(tables: Tables, flow: FlowInput, now: Moment) -> str:
    flow_id = flow.flow.id
    if tables.flows.get(flow_id) is not None:
        raise AlreadyExists(f"flow {flow_id} exists", reason="ROW_EXISTS", path="$.id")
    flow_changes.put(tables, flow, now)
    return flow_id


def _insert_objects(tables: Tables, rows: Sequence[tuple[int, _ObjectRow]], now: Moment) -> Inserted:  # noqa: ARG001 - as every kind
    known = set(tables.objects.get_many({row.id for _, row in rows}))
    failed: list[Failed] = []
    new: list[MediaObject] = []
    for index, row in rows:
        try:
            owning_flow(tables, row.flow_id)
            if row.id in known:
                raise AlreadyExists(f"object {row.id!r} exists", reason="ROW_EXISTS", path="$.id")
        except TamsError as error:
            failed.append(Failed(index, error))
            continue
        known.add(row.id)
        new.append(MediaObject(row.id, row.storage_id, row.storage_path, State.ALLOCATED, row.flow_id))
    tables.objects.add(new)
    return Inserted(len(new), Keys(ids=[item.id for item in new]), failed)


def _insert_segments(
    tables: Tables, rows: Sequence[tuple[int, tuple[str, Segment]]], now: Moment
) -> Inserted:
    by_flow: dict[str, list[tuple[int, Segment]]] = {}
    for index, (flow_id, segment) in rows:
        by_flow.setdefault(flow_id, []).append((index, segment))
    failed: list[Failed] = []
    stretches: list[Stretch] = []
    for flow_id, entries in by_flow.items():
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


def _undo_each(
    undo: Callable[[Tables, str, Moment], bool],
) -> Callable[[Tables, Keys, Moment], Undone]:
    """Rows by id, the last first, some at a time."""

    def undo_each(tables: Tables, keys: Keys, now: Moment) -> Undone:
        at = max(0, len(keys.ids) - SLICE)
        gone = [undo(tables, one, now) for one in reversed(keys.ids[at:])]
        return Undone(Keys(ids=keys.ids[:at]), sum(gone), len(gone) - sum(gone))

    return undo_each


def _undo_source(tables: Tables, source_id: str, now: Moment) -> bool:
    if tables.sources.get(source_id) is None:
        return True
    source_changes.drop_orphan(tables, source_id, Outbox(tables, now.ns))
    return tables.sources.get(source_id) is None


def _undo_flow(tables: Tables, flow_id: str, now: Moment) -> bool:
    flow = tables.flows.get(flow_id)
    if flow is None:
        return True
    if flow.start_ns is not None or flow.read_only:
        return False
    flow_changes.delete(tables, flow_id, now)
    return True


def _undo_object(tables: Tables, object_id: str, now: Moment) -> bool:  # noqa: ARG001 - as every kind
    item = tables.objects.get_many([object_id]).get(object_id)
    if item is not None and item.state is State.ALLOCATED:
        tables.objects.forget([object_id])
    return item is None or item.state is State.ALLOCATED


def _undo_segments(tables: Tables, keys: Keys, now: Moment) -> Undone:
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


ROW_KINDS: Final[dict[Kind, RowKind[Any]]] = {
    Kind.SOURCES: RowKind(_read_source, _insert_each(_insert_source), _undo_each(_undo_source)),
    Kind.FLOWS: RowKind(parse_flow, _insert_each(_insert_flow), _undo_each(_undo_flow)),
    Kind.OBJECTS: RowKind(_read_object, _insert_objects, _undo_each(_undo_object)),
    Kind.SEGMENTS: RowKind(_read_segment, _insert_segments, _undo_segments, _read_segments),
}
