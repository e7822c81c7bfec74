"""Sources in bulk loads."""

from typing import Final, NamedTuple

import msgspec
from msgspec import UNSET, Struct, UnsetType

from services.metadata.application.classes.rules import tags_of_caller
from services.metadata.application.clock import Moment
from services.metadata.application.loads.kinds import RowKind, Step, insert_each, undo_each
from services.metadata.application.loads.read_ahead import steps_of_rows
from services.metadata.application.ports import Tables
from services.metadata.application.sources.changes import drop_orphan, require_source
from services.metadata.application.webhooks.outbox import Outbox
from services.metadata.domain.documents.jsons import (
    Members,
    check_depth,
    check_numbers,
    decode,
    encode_document,
)
from services.metadata.domain.documents.tags import tag_changes
from services.metadata.domain.ids import SentSourceId, SourceId
from services.metadata.domain.source import new_source
from services.metadata.domain.webhooks.event import SOURCE_CREATED
from services.shared.errors import AlreadyExists, InvalidArgument

# Members that clients may send but only the service sets, so they are ignored (source.json).
_IGNORED: Final = frozenset({"created", "updated", "source_collection", "collected_by"})
_REQUIRED: Final = frozenset({"id", "format"})
_FORMATS: Final = frozenset(
    {"urn:x-tam:format:image", *(f"urn:x-nmos:format:{name}" for name in ("video", "audio", "data", "multi"))}
)


class _SourceRow(Struct):
    id: SentSourceId
    format: str
    label: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    tags: dict[str, str] | UnsetType = UNSET
    created_by: str | UnsetType = UNSET
    updated_by: str | UnsetType = UNSET


class _Source(NamedTuple):
    row: _SourceRow
    members: Members


_row: Final = msgspec.json.Decoder(_SourceRow)
_members: Final = msgspec.json.Decoder(Members)


def source_rows() -> RowKind[_Source]:
    """Sources as rows of a load."""
    return RowKind(_read, insert_each(_insert), undo_each(_undo), steps_of_rows(_lookups, _insert))


def _read(document: bytes) -> _Source:
    check_numbers(document, "BAD_ROW")
    row = decode(_row, document, "BAD_ROW")
    if row.format not in _FORMATS:
        raise InvalidArgument(
            f"{row.format[:100]!r} is not a format of TAMS", reason="BAD_ROW", path="$.format"
        )
    members = decode(_members, document, "BAD_ROW")
    check_depth(members, document, "BAD_ROW")
    return _Source(row, {name: value for name, value in members.items() if name not in _IGNORED})


def _lookups(source: _Source) -> list[Step]:
    return [lambda tables: tables.sources.get(source.row.id)]


def _insert(tables: Tables, source: _Source, now: Moment) -> SourceId:
    row = source.row
    if tables.sources.get(row.id) is not None:
        raise AlreadyExists(f"source {row.id} exists", reason="ROW_EXISTS", path="$.id")
    document = new_source(row.id, row.format, now.text, None)
    whole_document = encode_document(msgspec.json.decode(document) | source.members)
    sent = {} if row.tags is UNSET else row.tags
    tags = tag_changes({}, tags_of_caller(tables, {}, sent))
    tables.sources.insert(row.id, row.format, document)
    if source.members.keys() > _REQUIRED:
        label = None if row.label is UNSET else row.label
        tables.sources.replace(row.id, whole_document, label, tags)
    Outbox(tables, now).source(SOURCE_CREATED, require_source(tables, row.id))
    return row.id


def _undo(tables: Tables, source_id: SourceId, now: Moment) -> bool:
    if tables.sources.get(source_id) is None:
        return True
    drop_orphan(tables, source_id, Outbox(tables, now), now)
    return tables.sources.get(source_id) is None
