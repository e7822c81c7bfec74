"""Events as the owner of a webhook with a list of classes sees them.

The owner gets events of what has one of its classes. Their lists of flows and sources, which are those of the
time of the change, lose what the owner does not see now.
"""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from services.metadata.application.ports import Tables
from services.metadata.domain.documents.jsons import ENCODE, Members
from services.metadata.domain.ids import FlowId, SourceId
from services.metadata.domain.webhooks.event import Event

# Lists in documents: of objects with an id, and of ids.
_COLLECTIONS: Final = ("flow_collection", "source_collection")
_COLLECTED_BY: Final = "collected_by"


class _Links(NamedTuple):
    """The flows and sources to which events have links."""

    flows: Collection[FlowId]
    sources: Collection[SourceId]


def seen_events(tables: Tables, events: Sequence[Event], classes: frozenset[str]) -> list[Event]:
    """The events that an owner with these classes sees, in order."""
    visible = [event for event in events if not classes.isdisjoint(event.classes)]
    links = [_links(event) for event in visible]
    flows = {flow_id for each in links for flow_id in each.flows}
    sources = {source_id for each in links for source_id in each.sources}
    seen = _Links(
        tables.flows.having_classes(flows, classes) if flows else (),
        tables.sources.having_classes(sources, classes) if sources else (),
    )
    return [_shown(event, seen) for event in visible]


def _links(event: Event) -> _Links:
    linked = _linked(event.document)
    if event.flow_id is None:
        return _Links((), {*event.source_collected_by, *map(SourceId, linked)})
    return _Links({*event.flow_collected_by, *map(FlowId, linked)}, event.source_collected_by)


def _linked(document: bytes) -> list[str]:
    """The ids in the lists of a document."""
    if not _has_lists(document):
        return []
    members: Members = msgspec.json.decode(document)
    items = [item["id"] for name in _COLLECTIONS for item in members.get(name, ())]
    return [*items, *members.get(_COLLECTED_BY, ())]


def _has_lists(document: bytes) -> bool:
    return any(name.encode() in document for name in (*_COLLECTIONS, _COLLECTED_BY))


def _shown(event: Event, seen: _Links) -> Event:
    of_document = seen.sources if event.flow_id is None else seen.flows
    return replace(
        event,
        source_collected_by=[each for each in event.source_collected_by if each in seen.sources],
        flow_collected_by=[each for each in event.flow_collected_by if each in seen.flows],
        document=_document_with(event.document, of_document),
    )


def _document_with(document: bytes, seen: Collection[str]) -> bytes:
    """The document with lists that have only what is seen. Derived lists without items are left out."""
    if not _has_lists(document):
        return document
    members: Members = msgspec.json.decode(document)
    for name in _COLLECTIONS:
        if name in members:
            members[name] = [item for item in members[name] if item["id"] in seen]
    if _COLLECTED_BY in members:
        members[_COLLECTED_BY] = [each for each in members[_COLLECTED_BY] if each in seen]
    return ENCODE({name: value for name, value in members.items() if value or not _is_derived(name)})


def _is_derived(name: str) -> bool:
    return name in {"source_collection", _COLLECTED_BY}
