"""Collections: the members that a flow may have (ADR 0012), and leaving collections before a deletion.

The tables update derived members, such as `collected_by`.
"""

from collections.abc import Container, Iterable, Sequence
from typing import Final

import msgspec

from services.metadata.application.access import require_flow
from services.metadata.application.classes.seeing import whole
from services.metadata.application.clock import Moment
from services.metadata.application.flows.collection_rules import check_circles
from services.metadata.application.ports import Collector, Tables
from services.metadata.application.webhooks.outbox import Outbox
from services.metadata.domain.documents.jsons import ENCODE, Members
from services.metadata.domain.documents.version import next_version
from services.metadata.domain.flows.essence import CollectionItem
from services.metadata.domain.flows.flow import StoredFlow
from services.metadata.domain.ids import FlowId
from services.metadata.domain.trash import Membership
from services.metadata.domain.webhooks.event import FLOW_UPDATED
from services.shared.errors import InvalidArgument
from services.shared.json.reading import refuse

# Flows that may collect one flow. All of them change when it is deleted.
MAX_COLLECTORS: Final = 1000
# The limits of one transaction: collecting flows that change, and bytes of their documents.
_SLICE: Final = 50
_SLICE_BYTES: Final = 256 * 1024


def check_members(
    tables: Tables, flow_id: FlowId, members: Sequence[CollectionItem], before: frozenset[FlowId]
) -> None:
    """InvalidArgument BAD_COLLECTION if a member is missing, the flow itself, or in too many collections.

    `before` has the ids of the stored members; their number of collections is not checked. Members that the
    caller does not see are missing.
    """
    existing = tables.flows.sources_of({item.id for item in members})
    full = whole(tables).flows.collected_at_least({item.id for item in members} - before, MAX_COLLECTORS)
    for index, item in enumerate(members):
        if problem := _problem(item.id, flow_id, existing.keys(), full):
            raise refuse(problem, f"$.flow_collection[{index}].id", "BAD_COLLECTION")


def _problem(member: FlowId, flow_id: FlowId, existing: Container[FlowId], full: Container[FlowId]) -> str:
    if member == flow_id:
        return "a flow cannot collect itself"
    if member not in existing:
        return f"no flow {member}"
    return f"flow {member} already is in {MAX_COLLECTORS} collections, the limit" if member in full else ""


def memberships(tables: Tables, flow_id: FlowId) -> tuple[Membership, ...]:
    """The places of a flow in the collections of other flows."""
    collectors = tables.flows.collectors(flow_id)
    # One query reads all of them, where each read is a request.
    tables.flows.sources_of(collectors)
    return tuple(
        Membership(collector, index, ENCODE(item))
        for collector in collectors
        for index, item in enumerate(_items(require_flow(tables, collector)))
        if item["id"] == flow_id
    )


def rejoin_collections(tables: Tables, places: Iterable[Membership], now: str) -> list[FlowId]:
    """Put a flow back into its collections; returns the ids of the collecting flows.

    Flows that are gone, are read-only or collect the flow again stay as they are, and so do those that the
    flow would make contain themselves.
    """
    by_collector: dict[FlowId, list[Membership]] = {}
    for place in places:
        by_collector.setdefault(place.collector, []).append(place)
    tables.flows.sources_of(by_collector)
    tables.flows.member_pairs(list(by_collector))
    rejoined = [_rejoined(tables, collector, own, now) for collector, own in by_collector.items()]
    changed = [after for after in rejoined if after is not None]
    # A circle leads through the flow, and so through one of these at most: each can be checked by itself.
    tables.flows.put_collectors(changed)
    return [after.id for after in changed]


def _rejoined(
    tables: Tables, collector_id: FlowId, places: Sequence[Membership], now: str
) -> Collector | None:
    """A collecting flow with a member back in its places; None if it stays as it is."""
    collector = tables.flows.get(collector_id)
    if collector is None or collector.read_only:
        return None
    members = _items(collector)
    member_ids = frozenset(member["id"] for member in members)
    items: list[Members] = [msgspec.json.decode(place.item) for place in places]
    if any(item["id"] in member_ids for item in items):
        return None
    for place, item in zip(places, items, strict=True):
        members.insert(place.index, item)
    after = _with_items(collector, members, now)
    try:
        check_circles(tables, collector.id, after.collection)
        check_members(tables, collector.id, _collection(items), member_ids)
    except InvalidArgument:
        return None
    return after


def leave_collections(
    tables: Tables, flow_id: FlowId, now: str, *, at_once: bool = False
) -> tuple[list[FlowId], bool]:
    """Remove a flow from its collections, `at_once` or up to the limits of one transaction.

    Returns the ids of the collecting flows that changed, and True if the flow is in no collection any more.
    """
    collectors = tables.flows.collectors(flow_id)
    changed: list[Collector] = []
    weight = 0
    chosen = collectors if at_once else collectors[:_SLICE]
    tables.flows.sources_of(chosen)
    for collector in chosen:
        changed.append(_without_members(require_flow(tables, collector), {flow_id}, now))
        weight += len(changed[-1].document)
        if weight > _SLICE_BYTES and not at_once:
            break
    tables.flows.put_collectors(changed)
    return collectors[: len(changed)], len(changed) == len(collectors)


def drop_missing(tables: Tables, flow_id: str, now: Moment) -> None:
    """Remove members that do not exist from the collection of a flow. NotFound FLOW_NOT_FOUND."""
    flow = require_flow(tables, flow_id)
    members = {item["id"] for item in msgspec.json.decode(flow.document).get("flow_collection", ())}
    if missing := members - tables.flows.sources_of(members).keys():
        tables.flows.put_collectors([_without_members(flow, missing, now.text)])
        Outbox(tables, now).flow(FLOW_UPDATED, flow.id)


def _without_members(flow: StoredFlow, removed: Container[FlowId], now: str) -> Collector:
    """A collecting flow without some members. The others are not checked: newer rules may forbid them."""
    return _with_items(flow, [item for item in _items(flow) if item["id"] not in removed], now)


def _with_items(flow: StoredFlow, items: list[Members], now: str) -> Collector:
    before = msgspec.json.decode(flow.document)
    members = {**before, "metadata_updated": now, "flow_collection": items}
    members["metadata_version"] = next_version(members, before)
    return Collector(flow.id, flow.source_id, _collection(items), ENCODE(members))


def _collection(items: Iterable[Members]) -> list[CollectionItem]:
    return [CollectionItem(item["id"], item["role"]) for item in items]


def _items(flow: StoredFlow) -> list[Members]:
    items: list[Members] = msgspec.json.decode(flow.document).get("flow_collection", [])
    return items
