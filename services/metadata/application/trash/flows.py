"""Restores deleted flows. Each function runs within one transaction."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from services.metadata.application.audit.recording import record
from services.metadata.application.classes.seeing import hides, hides_classes, refuse_hidden, whole
from services.metadata.application.clock import Moment
from services.metadata.application.flows.collections import rejoin_collections
from services.metadata.application.ports import Tables
from services.metadata.application.sources.changes import require_source
from services.metadata.application.trash.announcing import announce_first
from services.metadata.application.trash.purging import require_idle
from services.metadata.application.webhooks.outbox import Outbox
from services.metadata.domain.documents.classes import outside_classes
from services.metadata.domain.documents.jsons import ENCODE, Members
from services.metadata.domain.documents.tags import tag_changes
from services.metadata.domain.flows.flow import FlowInput, parse_flow
from services.metadata.domain.ids import FlowId, SourceId
from services.metadata.domain.source import new_source
from services.metadata.domain.trash import Kind, Trashed
from services.metadata.domain.webhooks.event import FLOW_CREATED, FLOW_UPDATED, SOURCE_CREATED
from services.shared.errors import FailedPrecondition


def restore_flow(tables: Tables, entry: Trashed, now: Moment) -> None:
    """Restore a flow with its segments, its source and its place in collections.

    FailedPrecondition FLOW_EXISTS, FORMAT_CONFLICT, MEMBER_IN_TRASH or PURGE_BEGUN, Conflict TRASH_BUSY,
    PermissionDenied OUTSIDE_CLASSES if the caller does not see the flow that has the id now, or the source
    if that is newer than the deletion.
    Members of its collection that are gone for good are left out, as if they had been deleted while it was
    there.
    """
    _check(tables, entry)
    seen, tables = tables, whole(tables)
    _check_source(seen, entry)
    before: Members = msgspec.json.decode(entry.document)
    members = _without_lost_members(seen, before)
    flow = parse_flow(ENCODE(members))
    outbox = Outbox(tables, now)
    _restore_source(tables, entry, flow, now, outbox)
    # The stored document, because parsing leaves out what the service manages.
    tables.flows.restore(flow, ENCODE(members), tag_changes({}, flow.tags), entry.timeline)
    tables.trash.delete(entry)
    collectors = rejoin_collections(tables, entry.memberships, now.text)
    record(tables, now, "trash.restore", f"flow:{entry.flow_id}", {"trash": entry.id})
    outbox.flow(FLOW_CREATED, entry.flow_id)
    announce_first(tables, entry, now)
    for collector in collectors:
        outbox.flow(FLOW_UPDATED, collector)


def _check(tables: Tables, entry: Trashed) -> None:
    if entry.purging:
        raise FailedPrecondition(
            f"flow {entry.flow_id} is being purged, so it cannot be restored", reason="PURGE_BEGUN"
        )
    flow = whole(tables).flows.get(entry.flow_id)
    if flow is not None:
        refuse_hidden(tables, flow.document, f"flow {flow.id}")
        raise FailedPrecondition(
            f"another flow has the id {entry.flow_id} now; delete it first", reason="FLOW_EXISTS"
        )
    require_idle(whole(tables), entry)


def _check_source(tables: Tables, entry: Trashed) -> None:
    """Refuse a hidden source, unless the flow was in it: then it is older than the deletion."""
    source = whole(tables).sources.get(entry.source_id)
    if source is not None and hides(tables, source.document):
        created = datetime.fromisoformat(msgspec.json.decode(source.document)["created"])
        if created.timestamp() * 1000 > entry.deleted_ms + 1:
            refuse_hidden(tables, source.document, f"source {source.id}")


def _without_lost_members(tables: Tables, members: Members) -> Members:
    items: Sequence[Members] = members.get("flow_collection", ())
    if not items:
        return members
    everything = whole(tables)
    existing = everything.flows.sources_of({FlowId(item["id"]) for item in items})
    lost = {FlowId(item["id"]) for item in items} - existing.keys()
    if trashed := everything.trash.of_flows(lost, Kind.FLOW):
        if hides_classes(tables, trashed[0].classes):
            raise outside_classes("it collects a flow in the trash that is outside the classes of the caller")
        raise FailedPrecondition(
            f"it collects flow {trashed[0].flow_id}, which is in the trash; restore or purge that one first",
            reason="MEMBER_IN_TRASH",
            flow_id=trashed[0].flow_id,
        )
    return {**members, "flow_collection": [item for item in items if item["id"] not in lost]}


def _restore_source(tables: Tables, entry: Trashed, flow: FlowInput, now: Moment, outbox: Outbox) -> None:
    source = tables.sources.get(entry.source_id)
    if source is not None:
        if source.format != flow.format:
            raise FailedPrecondition(
                f"source {source.id} now has format {source.format}, the flow has {flow.format}",
                reason="FORMAT_CONFLICT",
            )
        return
    document = _source_document(tables, entry.source_id, flow, now)
    members: Members = msgspec.json.decode(document)
    tables.sources.insert(entry.source_id, flow.format, document)
    changes = tag_changes({}, members.get("tags", {}))
    tables.sources.replace(entry.source_id, document, members.get("label"), changes)
    record(tables, now, "sources.create", f"source:{entry.source_id}", {"flow": entry.flow_id})
    outbox.source(SOURCE_CREATED, require_source(tables, entry.source_id))


def _source_document(tables: Tables, source_id: SourceId, flow: FlowInput, now: Moment) -> bytes:
    """The latest document of a source in the trash that has the flow's format, or else a new one."""
    for entry in reversed(tables.trash.of_source(source_id)):
        if entry.source_document and msgspec.json.decode(entry.source_document)["format"] == flow.format:
            return entry.source_document
    return new_source(source_id, flow.format, now.text, flow.members.get("created_by"))
