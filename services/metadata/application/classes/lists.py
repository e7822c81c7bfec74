"""The lists of flows and sources for a caller with a list of classes: without what the caller does not see.

Lists are `flow_collection` and `collected_by` of flows, `source_collection` and `collected_by` of sources.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final, TypeVar

import msgspec

from services.metadata.application.ports import Link
from services.metadata.domain.documents.jsons import ENCODE, Members
from services.metadata.domain.flows.flow import StoredFlow
from services.metadata.domain.ids import FlowId, SourceId
from services.metadata.domain.source import StoredSource


class _Item(msgspec.Struct):
    id: FlowId


class _Collecting(msgspec.Struct):
    flow_collection: list[_Item] = []


_COLLECTION: Final = "flow_collection"
_NAME: Final = _COLLECTION.encode()
_collecting: Final = msgspec.json.Decoder(_Collecting)
_flow_ids: Final = msgspec.json.Decoder(list[FlowId])
_source_ids: Final = msgspec.json.Decoder(list[SourceId])
_entries: Final = msgspec.json.Decoder(list[dict[str, Any]])

Item = TypeVar("Item")


def linked_flows(flow: StoredFlow) -> set[FlowId]:
    """The flows that a flow collects, and those that collect it."""
    return set(_members(flow.document)).union(_flow_ids.decode(flow.collected_by or b"[]"))


def flow_with(flow: StoredFlow, seen: Collection[FlowId]) -> StoredFlow:
    """The flow with lists that have only flows which are seen."""
    if not all(member in seen for member in _members(flow.document)):
        members: Members = msgspec.json.decode(flow.document)
        members[_COLLECTION] = [item for item in members[_COLLECTION] if item["id"] in seen]
        flow = flow._replace(document=ENCODE(members))
    if flow.collected_by:
        flow = flow._replace(collected_by=_kept(_flow_ids, flow.collected_by, lambda one: one in seen))
    return flow


def linked_sources(source: StoredSource) -> set[SourceId]:
    """The sources that a source collects, and those that collect it."""
    collected = (SourceId(entry["id"]) for entry in _entries.decode(source.source_collection or b"[]"))
    return {*collected, *_source_ids.decode(source.collected_by or b"[]")}


def pairs_of(source: StoredSource, seen: Collection[SourceId]) -> set[tuple[SourceId, SourceId]]:
    """The pairs of a collecting and a collected source in the lists of a source, of sources that are seen."""
    collected = {SourceId(entry["id"]) for entry in _entries.decode(source.source_collection or b"[]")}
    collecting = _source_ids.decode(source.collected_by or b"[]")
    pairs = {(source.id, member) for member in collected if member in seen}
    return pairs | {(owner, source.id) for owner in collecting if owner in seen}


def source_with(source: StoredSource, links: Collection[Link]) -> StoredSource:
    """The source with lists that have only these links."""
    if source.source_collection:
        kept = _kept(
            _entries, source.source_collection, lambda each: (source.id, each["id"], each["role"]) in links
        )
        source = source._replace(source_collection=kept)
    if source.collected_by:
        owners = {link.owner for link in links if link.member == source.id}
        kept = _kept(_source_ids, source.collected_by, lambda one: one in owners)
        source = source._replace(collected_by=kept)
    return source


def with_hidden_items(
    sent: Sequence[Members], before: Sequence[Members], seen: Collection[str]
) -> list[Members]:
    """The collection to store in place of `before`, if a caller who sees some of its flows sends `sent`.

    The items that the caller does not see stay, at their places as far as the collection is long enough.
    """
    merged = list(sent)
    for index, item in enumerate(before):
        if item["id"] not in seen:
            merged.insert(index, item)
    return merged


def _members(document: bytes) -> list[FlowId]:
    if _NAME not in document:
        return []
    return [item.id for item in _collecting.decode(document).flow_collection]


def _kept(
    decoder: msgspec.json.Decoder[list[Item]], array: bytes, keep: Callable[[Item], bool]
) -> bytes | None:
    """The JSON list without some items; None if no items are left."""
    items: Iterable[Item] = decoder.decode(array)
    return ENCODE(kept) if (kept := [item for item in items if keep(item)]) else None
