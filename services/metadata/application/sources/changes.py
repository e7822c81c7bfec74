"""Creates, changes and deletes sources. Each function runs within one transaction."""

from collections.abc import Sequence

import msgspec

from services.metadata.application.audit.recording import record
from services.metadata.application.classes.rules import check_class_kept, tags_of_caller
from services.metadata.application.classes.seeing import classes_of_caller, refuse_hidden, whole
from services.metadata.application.clock import Moment
from services.metadata.application.ports import Tables
from services.metadata.application.webhooks.outbox import Outbox
from services.metadata.domain.documents.jsons import encode_document
from services.metadata.domain.documents.tags import tag_changes
from services.metadata.domain.flows.flow import FlowInput
from services.metadata.domain.ids import SourceId, is_source_id
from services.metadata.domain.property import SOURCE_PROPERTIES, PropertyChange, apply_changes
from services.metadata.domain.source import StoredSource, new_source
from services.metadata.domain.webhooks.event import SOURCE_CREATED, SOURCE_UPDATED
from services.shared.access.classes import TAG
from services.shared.errors import InvalidArgument, NotFound


def require_source(tables: Tables, source_id: str) -> StoredSource:
    """The source; NotFound SOURCE_NOT_FOUND if the caller does not see it, or the id is malformed."""
    source = tables.sources.get(source_id) if is_source_id(source_id) else None
    if source is None:
        raise NotFound(f"no source {source_id[:64]!r}", reason="SOURCE_NOT_FOUND")
    return source


def ensure_source(tables: Tables, flow: FlowInput, now: Moment, outbox: Outbox) -> None:
    """Create the flow's source if it is missing. Callers with a list of classes give it those of the flow.

    InvalidArgument FORMAT_CONFLICT if its format differs, PermissionDenied OUTSIDE_CLASSES if the caller does
    not see it.
    """
    source_id, everything = flow.flow.source_id, whole(tables)
    source = everything.sources.get(source_id)
    if source is None:
        author = now.author or flow.members.get("created_by")
        tags = {} if classes_of_caller(tables) is None else {TAG: flow.tags[TAG]}
        document = new_source(source_id, flow.format, now.text, author, tags)
        everything.sources.insert(source_id, flow.format, document)
        if tags:
            everything.sources.replace(source_id, document, None, tag_changes({}, tags))
        outbox.source(SOURCE_CREATED, require_source(everything, source_id))
        record(everything, now, "sources.create", f"source:{source_id}", {"flow": flow.flow.id})
        return
    refuse_hidden(tables, source.document, f"source {source_id}")
    if source.format != flow.format:
        raise InvalidArgument(
            f"source {source.id} has format {source.format}", reason="FORMAT_CONFLICT", path="$.format"
        )


def update(tables: Tables, source_id: str, changes: Sequence[PropertyChange], now: Moment) -> StoredSource:
    """Set and unset properties of a source; returns the stored source.

    NotFound SOURCE_NOT_FOUND, and the errors of `apply_changes`, `tags_of_caller`, `tag_changes` and
    `encode_document`.
    """
    before, everything = require_source(tables, source_id), whole(tables)
    stored = msgspec.json.decode(before.document)
    members = apply_changes(stored, changes, SOURCE_PROPERTIES)
    check_class_kept(tables, changes, members)
    sent = members.get("tags", {})
    if (kept := tags_of_caller(tables, stored.get("tags", {}), sent)) is not sent:
        members["tags"] = kept
    members["updated"] = now.text
    if now.author is not None:
        members["updated_by"] = now.author
    tags = tag_changes(stored.get("tags", {}), members.get("tags", {}))
    everything.sources.replace(before.id, encode_document(members), members.get("label"), tags)
    Outbox(everything, now).source(SOURCE_UPDATED, require_source(everything, before.id))
    changed = sorted({change.member or "tags" for change in changes})
    record(everything, now, "sources.update", f"source:{before.id}", {"members": changed})
    return require_source(tables, before.id)


def drop_orphan(tables: Tables, source_id: SourceId, outbox: Outbox, now: Moment) -> StoredSource | None:
    """Delete the source if it has no flows any more; returns it then."""
    if tables.sources.has_flows(source_id):
        return None
    source = require_source(tables, source_id)
    outbox.source_deleted(source)
    tables.sources.delete(source_id)
    record(tables, now, "sources.delete", f"source:{source_id}")
    return source
