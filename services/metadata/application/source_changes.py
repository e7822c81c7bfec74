"""Sources come with their first flow, go with their last, and have a few properties of their own."""

from collections.abc import Sequence

import msgspec

from services.metadata.application.clock import Moment
from services.metadata.application.outbox import Outbox
from services.metadata.application.ports import Tables
from services.metadata.domain.event import SOURCE_CREATED, SOURCE_UPDATED
from services.metadata.domain.flow import FlowInput
from services.metadata.domain.jsons import stored_document
from services.metadata.domain.property import SOURCE_PROPERTIES, PropertyChange, changed
from services.metadata.domain.source import StoredSource, new_source
from services.shared.errors import InvalidArgument, NotFound
from services.shared.ids import is_uuid


def known_source(tables: Tables, source_id: str) -> StoredSource:
    """The source; NotFound when there is none or the id is malformed."""
    source = tables.sources.get(source_id) if is_uuid(source_id) else None
    if source is None:
        raise NotFound(f"no source {source_id[:64]!r}", reason="SOURCE_NOT_FOUND")
    return source


def ensure_source(tables: Tables, flow: FlowInput, now: str, outbox: Outbox) -> None:
    """Create the flow's source if it is new; InvalidArgument when its format is another one."""
    source_id = flow.flow.source_id
    source = tables.sources.get(source_id)
    if source is None:
        document = new_source(source_id, flow.format, now, flow.members.get("created_by"))
        tables.sources.insert(source_id, flow.format, document)
        outbox.source(SOURCE_CREATED, known_source(tables, source_id))
    elif source.format != flow.format:
        raise InvalidArgument(
            f"source {source.id} has format {source.format}", reason="FORMAT_CONFLICT", path="$.format"
        )


def update(tables: Tables, source_id: str, changes: Sequence[PropertyChange], now: Moment) -> StoredSource:
    """Set and unset properties of a source; the source as stored."""
    before = known_source(tables, source_id)
    members = changed(msgspec.json.decode(before.document), changes, SOURCE_PROPERTIES)
    members["updated"] = now.text
    document = stored_document(members)
    tables.sources.replace(source_id, document, members.get("label"), members.get("tags", {}))
    source = known_source(tables, source_id)
    Outbox(tables, now.ns).source(SOURCE_UPDATED, source)
    return source


def drop_orphan(tables: Tables, source_id: str, outbox: Outbox) -> None:
    """Remove the source if no flow renders it any more."""
    if not tables.sources.has_flows(source_id):
        outbox.source_deleted(known_source(tables, source_id))
        tables.sources.delete(source_id)
