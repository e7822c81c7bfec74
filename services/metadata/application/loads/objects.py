"""Objects in bulk loads."""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from services.metadata.application.access import require_owning_flow
from services.metadata.application.clock import Moment
from services.metadata.application.loads.kinds import IndexedRow, Inserted, RowKind, undo_each
from services.metadata.application.objects.storage_backends import check_storage
from services.metadata.application.ports import Tables
from services.metadata.application.segments.registration import Failure
from services.metadata.domain.documents.jsons import decode
from services.metadata.domain.ids import ObjectId, SentFlowId, SentStorageId
from services.metadata.domain.load import Keys
from services.metadata.domain.objects.object import MediaObject, State, check_id, check_place
from services.shared.errors import AlreadyExists, TamsError


class _ObjectRow(Struct, forbid_unknown_fields=True):
    # Checked by `_read`, which makes all rows.
    id: ObjectId
    flow_id: SentFlowId
    storage_id: SentStorageId
    storage_path: str


_row: Final = msgspec.json.Decoder(_ObjectRow)


def object_rows() -> RowKind[_ObjectRow]:
    """Objects as rows of a load."""
    return RowKind(_read, _insert, undo_each(_undo))


def _read(document: bytes) -> _ObjectRow:
    row = decode(_row, document, "BAD_ROW")
    check_id(row.id, "BAD_ROW", "$.id")
    check_place(row.storage_id, row.storage_path, "BAD_ROW", "$")
    return row


def _insert(tables: Tables, rows: Sequence[IndexedRow[_ObjectRow]], _now: Moment) -> Inserted:
    existing_ids = set(tables.objects.get_many({row.id for _, row in rows}))
    backends = tables.storage_backends.all()
    failures: list[Failure] = []
    objects: list[MediaObject] = []
    for index, row in rows:
        try:
            require_owning_flow(tables, row.flow_id)
            check_storage(row.storage_id, backends)
            if row.id in existing_ids:
                raise AlreadyExists(f"object {row.id!r} exists", reason="ROW_EXISTS", path="$.id")
        except TamsError as error:
            failures.append(Failure(index, error))
            continue
        existing_ids.add(row.id)
        objects.append(MediaObject(row.id, row.storage_id, row.storage_path, State.ALLOCATED, row.flow_id))
    tables.objects.add(objects)
    return Inserted(len(objects), Keys(ids=[item.id for item in objects]), failures)


def _undo(tables: Tables, object_id: ObjectId, _now: Moment) -> bool:
    item = tables.objects.get_many([object_id]).get(object_id)
    if item is not None and item.state is State.ALLOCATED:
        tables.objects.forget([object_id])
    return item is None or item.state is State.ALLOCATED
