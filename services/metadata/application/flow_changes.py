"""What changing a flow does, within one transaction."""

from collections.abc import Sequence
from typing import Any

import msgspec

from services.metadata.application.access import known_flow, read_only, writable_flow
from services.metadata.application.clock import Moment
from services.metadata.application.collections import Affected, check_members, leave_collections
from services.metadata.application.deletions import Begun, begin
from services.metadata.application.outbox import Outbox
from services.metadata.application.ports import Tables
from services.metadata.application.source_changes import drop_orphan, ensure_source
from services.metadata.domain.event import FLOW_CREATED, FLOW_UPDATED
from services.metadata.domain.flow import FlowInput, StoredFlow, parse_flow
from services.metadata.domain.jsons import ENCODE, stored_document
from services.metadata.domain.property import FLOW_PROPERTIES, PropertyChange, changed
from services.metadata.domain.version import next_version
from services.shared.errors import InvalidArgument
from services.shared.timerange import ETERNITY


def put(tables: Tables, flow: FlowInput, now: Moment) -> bool:
    """Create or replace a flow; whether it is new."""
    stored = tables.flows.get(flow.flow.id)
    if stored is not None:
        writable_flow(tables, flow.flow.id)
    _store(tables, flow, stored, now)
    return stored is None


def update(tables: Tables, flow_id: str, changes: Sequence[PropertyChange], now: Moment) -> None:
    """Set and unset properties of a flow. A read-only one takes a change of read_only alone."""
    stored = known_flow(tables, flow_id)
    if stored.read_only and any(change.member != "read_only" for change in changes):
        raise read_only(flow_id)
    members = changed(msgspec.json.decode(stored.document), changes, FLOW_PROPERTIES)
    _store(tables, parse_flow(ENCODE(members)), stored, now)


def delete(tables: Tables, flow_id: str, now: Moment) -> Begun:
    """Delete a flow and its first segments; the deletion of the others."""
    flow = writable_flow(tables, flow_id)
    outbox = Outbox(tables, now.ns)
    outbox.flow_deleted(flow)
    affected = Affected.by(tables, flow_id, [flow.source_id])
    for collector in leave_collections(tables, flow_id, now.text):
        outbox.flow(FLOW_UPDATED, collector)
    begun = begin(tables, flow, ETERNITY, None, now, delete_flow=True)
    tables.flows.delete(flow_id)
    drop_orphan(tables, flow.source_id, outbox)
    affected.derive(tables)
    return begun


def _store(tables: Tables, flow: FlowInput, stored: StoredFlow | None, now: Moment) -> None:
    flow_id, source_id = flow.flow.id, flow.flow.source_id
    if stored is not None and stored.format != flow.format:
        raise InvalidArgument(
            f"flow {flow_id} has format {stored.format}, and keeps it",
            reason="FORMAT_CONFLICT",
            path="$.format",
        )
    check_members(tables, flow_id, flow.collection)
    # Nothing may be refused after the first write: rows of a bulk load share a transaction.
    document = stored_document(_managed(flow, stored, now.text))
    outbox = Outbox(tables, now.ns)
    ensure_source(tables, flow, now.text, outbox)
    sources = [source_id] if stored is None else [source_id, stored.source_id]
    affected = Affected.by(tables, flow_id, sources)
    tables.flows.put(flow, document)
    if stored is not None and stored.source_id != source_id:
        drop_orphan(tables, stored.source_id, outbox)
    affected.also(tables, flow_id).derive(tables)
    outbox.flow(FLOW_CREATED if stored is None else FLOW_UPDATED, flow_id)


def _managed(flow: FlowInput, stored: StoredFlow | None, now: str) -> dict[str, Any]:
    """The members to store: what the client sent, and what the service keeps (ADR 0003, ADR 0025)."""
    before: dict[str, Any] | None = msgspec.json.decode(stored.document) if stored else None
    members = {**flow.members, "created": now, "metadata_updated": now}
    members["metadata_version"] = next_version(flow.members, before)
    if before is not None:
        members["created"] = before["created"]
        members.pop("created_by", None)
        members |= {name: before[name] for name in ("created_by",) if name in before}
    return members
