"""Rows of bulk loads: how each kind is read, inserted and removed again."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from services.metadata.application import flow_changes, source_changes
from services.metadata.application.access import owning_flow
from services.metadata.application.clock import Moment
from services.metadata.application.load_kinds import SLICE, Inserted, RowKind, Step, Undone
from services.metadata.application.load_segments import (
    insert_segments,
    read_segment,
    read_segments,
    segment_steps,
    undo_segments,
)
from services.metadata.application.outbox import Outbox
from services.metadata.application.ports import Tables
from services.metadata.application.registering import Failed
from services.metadata.domain.essence import Uuid
from services.metadata.domain.event import SOURCE_CREATED
from services.metadata.domain.flow import FlowInput, parse_flow
from services.metadata.domain.jsons import decode, stored_document
from services.metadata.domain.load import Keys, Kind
from services.metadata.domain.object import MediaObject, State, check_id
from services.metadata.domain.source import new_source
from services.shared.errors import AlreadyExists, InvalidArgument, TamsError


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


_source: Final = msgspec.json.Decoder(_SourceRow)
_object: Final = msgspec.json.Decoder(_ObjectRow)
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


def _steps(
    insert: Callable[[Tables, Any, Moment], str],
) -> Callable[[Sequence[tuple[int, Any]], Moment], list[Step]]:
    def step(row: Any, now: Moment) -> Step:
        return lambda tables: insert(tables, row, now)

    return lambda rows, now: [step(row, now) for _, row in rows]


def _insert_source(tables: Tables, row: _SourceRow, now: Moment) -> str:
    if tables.sources.get(row.id) is not None:
        raise AlreadyExists(f"source {row.id} exists", reason="ROW_EXISTS", path="$.id")
    document = new_source(row.id, row.format, now.text, None)
    given = {"label": row.label, "description": row.description, "tags": row.tags}
    members = {name: value for name, value in given.items() if value is not UNSET}
    whole = stored_document(msgspec.json.decode(document) | members)
    tables.sources.insert(row.id, row.format, document)
    if members:
        label = None if row.label is UNSET else row.label
        tags = {} if row.tags is UNSET else row.tags
        tables.sources.replace(row.id, whole, label, tags)
    Outbox(tables, now.ns).source(SOURCE_CREATED, source_changes.known_source(tables, row.id))
    return row.id


def _insert_flow(tables: Tables, row: FlowInput, now: Moment) -> str:
    flow_id = row.flow.id
    if tables.flows.get(flow_id) is not None:
        raise AlreadyExists(f"flow {flow_id} exists", reason="ROW_EXISTS", path="$.id")
    flow_changes.put(tables, row, now)
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


ROW_KINDS: Final[dict[Kind, RowKind[Any]]] = {
    Kind.SOURCES: RowKind(
        _read_source, _insert_each(_insert_source), _undo_each(_undo_source), _steps(_insert_source)
    ),
    Kind.FLOWS: RowKind(parse_flow, _insert_each(_insert_flow), _undo_each(_undo_flow), _steps(_insert_flow)),
    Kind.OBJECTS: RowKind(_read_object, _insert_objects, _undo_each(_undo_object)),
    Kind.SEGMENTS: RowKind(read_segment, insert_segments, undo_segments, segment_steps, read_segments),
}
