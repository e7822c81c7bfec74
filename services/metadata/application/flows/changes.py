"""Creates, changes and deletes flows. Each function runs within one transaction."""

from collections.abc import Sequence

import msgspec

from services.metadata.application.access import (
    read_only_error,
    require_stored_flow,
    require_writable_flow,
)
from services.metadata.application.audit.recording import record
from services.metadata.application.classes.lists import with_hidden_items
from services.metadata.application.classes.rules import (
    check_class_kept,
    seen_members,
    with_members,
    with_tags_of_caller,
)
from services.metadata.application.classes.seeing import refuse_hidden, whole
from services.metadata.application.clock import Moment
from services.metadata.application.deletion_requests import DeletionProgress, deletion_facts, start_deletion
from services.metadata.application.flows.collection_rules import check_circles, check_may_leave
from services.metadata.application.flows.collections import check_members, leave_collections, memberships
from services.metadata.application.flows.loop_rules import check_loop
from services.metadata.application.ports import Removed, Tables
from services.metadata.application.sources.changes import drop_orphan, ensure_source
from services.metadata.application.webhooks.outbox import Outbox
from services.metadata.domain.documents.classes import classes_of_document
from services.metadata.domain.documents.jsons import ENCODE, Members, encode_document
from services.metadata.domain.documents.tags import tag_changes
from services.metadata.domain.documents.version import next_version
from services.metadata.domain.flows.flow import FlowInput, StoredFlow, parse_flow
from services.metadata.domain.property import FLOW_PROPERTIES, PropertyChange, apply_changes
from services.metadata.domain.source import StoredSource
from services.metadata.domain.trash import Kind, Membership, SoftDelete, Trashed
from services.metadata.domain.webhooks.event import FLOW_CREATED, FLOW_UPDATED
from services.shared.errors import InvalidArgument
from services.shared.ids import new_uuid
from services.shared.timerange import ETERNITY, NEVER


def put(tables: Tables, flow: FlowInput, now: Moment) -> bool:
    """Create or replace a flow; True if it is new.

    PermissionDenied FLOW_READ_ONLY, MISSING_SCOPE or OUTSIDE_CLASSES, InvalidArgument FORMAT_CONFLICT,
    BAD_COLLECTION, TOO_MANY_TAGS, TAG_TOO_LONG, BAD_LOOP_DURATION, BAD_CLASSES or DOCUMENT_TOO_LARGE.
    """
    stored = whole(tables).flows.get(flow.flow.id)
    if stored is not None:
        refuse_hidden(tables, stored.document, f"flow {stored.id}")
        if stored.read_only:
            raise read_only_error(stored.id)
    before = msgspec.json.decode(stored.document) if stored else {}
    after = _store(tables, flow, stored, before, now)
    facts = {"created": stored is None}
    record(whole(tables), now, "flows.put", f"flow:{flow.flow.id}", facts, versions=_versions(before, after))
    return stored is None


class LargeDocument(Exception):
    """The document of the flow is too large for a quick change. Nothing was written."""


def update(
    tables: Tables, flow_id: str, changes: Sequence[PropertyChange], now: Moment, max_bytes: int | None = None
) -> None:
    """Set and unset properties of a flow. Of a read-only flow only read_only can change.

    LargeDocument if the document has more than `max_bytes`. Otherwise the errors are those of `put` and of
    `apply_changes`, and NotFound FLOW_NOT_FOUND.
    """
    stored = require_stored_flow(tables, flow_id)
    if max_bytes is not None and len(stored.document) > max_bytes:
        raise LargeDocument
    if stored.read_only and {change.member for change in changes} != {"read_only"}:
        raise read_only_error(stored.id)
    before = msgspec.json.decode(stored.document)
    members = apply_changes(before, changes, FLOW_PROPERTIES)
    check_class_kept(tables, changes, members)
    after = _store(tables, parse_flow(ENCODE(members)), stored, before, now)
    facts = {"members": sorted({change.member or "tags" for change in changes})}
    record(whole(tables), now, "flows.update", f"flow:{stored.id}", facts, versions=_versions(before, after))


def delete(
    tables: Tables, flow_id: str, now: Moment, soft: SoftDelete | None = None
) -> DeletionProgress | None:
    """Delete a flow and its first segments; returns the progress, with the deletion of the other segments.

    With `soft` the flow moves into the trash. Its segments stay as they are, with nothing to lead to them.

    Returns None if the flow is in more collections than one transaction handles, and only left some of them.
    Then call again, in another transaction, so that other changes get their turn. The errors are those of
    `require_writable_flow` and `check_may_leave`.
    """
    flow = require_writable_flow(tables, flow_id)
    check_may_leave(tables, flow.id)
    tables = whole(tables)
    outbox = Outbox(tables, now)
    places = memberships(tables, flow.id) if soft else ()
    collectors, has_left_all = leave_collections(tables, flow.id, now.text, at_once=soft is not None)
    if has_left_all:
        # The flow's segments all disappear now for clients, though their rows are deleted in slices.
        outbox.segments_deleted(flow, flow.extent)
        outbox.flow_deleted(flow)
    for collector in collectors:
        outbox.flow(FLOW_UPDATED, collector)
    if not has_left_all:
        record(tables, now, "flows.leave_collections", f"flow:{flow.id}", {"collections": len(collectors)})
        return None
    if soft is not None:
        tables.flows.delete(flow.id, keep_timeline=True)
        source = drop_orphan(tables, flow.source_id, outbox, now)
        entry = _trashed(flow, soft, source, places)
        tables.trash.put(entry)
        progress = DeletionProgress(Removed(0, NEVER, frozenset()), None)
        _record_deletion(tables, flow, progress, now, trash=entry.id)
        return progress
    progress = start_deletion(tables, flow, ETERNITY, None, now, delete_flow=True)
    tables.flows.delete(flow.id)
    drop_orphan(tables, flow.source_id, outbox, now)
    _record_deletion(tables, flow, progress, now)
    return progress


def _trashed(
    flow: StoredFlow,
    soft: SoftDelete,
    source: StoredSource | None,
    places: tuple[Membership, ...],
) -> Trashed:
    return Trashed(
        id=new_uuid(),
        operation=soft.operation,
        number=soft.number,
        kind=Kind.FLOW,
        flow_id=flow.id,
        source_id=flow.source_id,
        timeline=flow.timeline,
        timerange=flow.extent,
        deleted_by=soft.deleted_by,
        deleted_ms=soft.deleted_ms,
        purge_ms=soft.purge_ms,
        document=flow.document,
        source_document=None if source is None else source.document,
        memberships=places,
        classes=classes_of_document(flow.document),
    )


def _store(
    tables: Tables, flow: FlowInput, stored: StoredFlow | None, before: Members, now: Moment
) -> Members:
    """Store a flow in place of `stored`, whose members are `before`; None and empty for a new flow.

    Returns the new members.
    """
    flow_id, source_id = flow.flow.id, flow.flow.source_id
    if stored is not None and stored.format != flow.format:
        raise InvalidArgument(
            f"flow {flow_id} has format {stored.format}, which cannot change",
            reason="FORMAT_CONFLICT",
            path="$.format",
        )
    flow = with_tags_of_caller(tables, flow, before)
    tags = tag_changes(before.get("tags", {}), flow.tags)
    check_loop(tags, now)
    flow = _checked_collection(tables, flow, before.get("flow_collection", []))
    # All checks come before the first write, because rows of a bulk load share a transaction.
    members = _stored_members(flow, before, now)
    document = encode_document(members)
    outbox = Outbox(whole(tables), now)
    # A source that the flow keeps exists and has the flow's format.
    if stored is None or stored.source_id != source_id:
        ensure_source(tables, flow, now, outbox)
    tables = whole(tables)
    tables.flows.put(flow, document, tags)
    if stored is not None and stored.source_id != source_id:
        drop_orphan(tables, stored.source_id, outbox, now)
    outbox.flow(FLOW_CREATED if stored is None else FLOW_UPDATED, flow_id)
    return members


def _versions(before: Members, after: Members) -> tuple[str | None, str | None]:
    return before.get("metadata_version"), after.get("metadata_version")


def _record_deletion(
    tables: Tables, flow: StoredFlow, progress: DeletionProgress, now: Moment, *, trash: str | None = None
) -> None:
    if now.trail is not None:
        facts = {**deletion_facts(progress), "source": flow.source_id}
        if trash is not None:
            facts["trash"] = trash
        versions = _versions(msgspec.json.decode(flow.document), {})
        record(tables, now, "flows.delete", f"flow:{flow.id}", facts, versions=versions)


def _checked_collection(tables: Tables, flow: FlowInput, before: list[Members]) -> FlowInput:
    """The flow with the collection to store: the members that the caller does not see stay in it."""
    sent: list[Members] = flow.members.get("flow_collection", [])
    if sent == before:
        return flow
    kept = with_hidden_items(sent, before, seen_members(tables, before))
    if kept != before:
        check_members(tables, flow.flow.id, flow.collection, frozenset(item["id"] for item in before))
        check_circles(tables, flow.flow.id, flow.collection)
    return flow if len(kept) == len(sent) else with_members(flow, flow_collection=kept)


def _stored_members(flow: FlowInput, before: Members, now: Moment) -> Members:
    """The members that the client sent, and those that the service manages (ADR 0003, ADR 0025)."""
    members = {**flow.members, "created": now.text, "metadata_updated": now.text}
    if now.author is not None:
        members |= {"created_by": now.author, "updated_by": now.author}
    members["metadata_version"] = next_version(flow.members, before or None)
    if before:
        members["created"] = before["created"]
        members.pop("created_by", None)
        members |= {name: before[name] for name in ("created_by",) if name in before}
    return members
