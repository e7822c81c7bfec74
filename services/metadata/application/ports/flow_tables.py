"""The tables of sources and flows."""

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from services.metadata.application.ports.queries import (
    Collector,
    FlowFilter,
    Link,
    SourceFilter,
    TaggedFlow,
)
from services.metadata.domain.documents.tags import TagChanges
from services.metadata.domain.flows.essence import CollectionItem
from services.metadata.domain.flows.flow import FlowInput, StoredFlow
from services.metadata.domain.ids import FlowId, SourceId
from services.metadata.domain.source import StoredSource


class SourceTable(Protocol):
    """Sources by id."""

    def get(self, source_id: SourceId) -> StoredSource | None:
        """The source; None if it does not exist."""
        ...

    def page(self, criteria: SourceFilter, after: str | None, limit: int) -> list[StoredSource]:
        """Up to `limit` sources that pass the filter and have an id above `after`, ascending by id.

        They may be fewer, though more exist, if a page cannot hold more bytes.
        """
        ...

    def text_with_prefix(
        self, tag: str | None, prefix: str, excluded: Sequence[str], classes: frozenset[str] | None = None
    ) -> str | None:
        """A stored label, or value of the tag if one is given, with the prefix; none of the excluded ones.

        With classes, only the texts of what has one of them.
        """
        ...

    def having_classes(self, source_ids: Iterable[SourceId], classes: frozenset[str]) -> frozenset[SourceId]:
        """The sources, among these, that have one of the classes."""
        ...

    def links(self, pairs: Collection[tuple[SourceId, SourceId]], classes: frozenset[str]) -> frozenset[Link]:
        """The links between these pairs of a collecting and a collected source, by flows with a class.

        Both the flow that collects and the one that is collected have one of the classes.
        """
        ...

    def insert(self, source_id: SourceId, format_urn: str, document: bytes) -> None:
        """Store a new source."""
        ...

    def replace(self, source_id: SourceId, document: bytes, label: str | None, tags: TagChanges) -> None:
        """Replace the document and label of a source, and change its tags."""
        ...

    def delete(self, source_id: SourceId) -> None:
        """Delete a source and its tags."""
        ...

    def has_flows(self, source_id: SourceId) -> bool:
        """True if a flow of the source exists."""
        ...


class FlowTable(Protocol):
    """Flows by id, with their tags and collections."""

    def get(self, flow_id: FlowId) -> StoredFlow | None:
        """The flow; None if it does not exist."""
        ...

    def page(self, criteria: FlowFilter, after: str | None, limit: int) -> list[StoredFlow]:
        """Up to `limit` flows that pass the filter and have an id above `after`, ascending by id.

        They may be fewer, though more exist, if a page cannot hold more bytes.
        """
        ...

    def text_with_prefix(
        self, tag: str | None, prefix: str, excluded: Sequence[str], classes: frozenset[str] | None = None
    ) -> str | None:
        """A stored label, or value of the tag if one is given, with the prefix; none of the excluded ones.

        With classes, only the texts of what has one of them.
        """
        ...

    def having_classes(self, flow_ids: Iterable[FlowId], classes: frozenset[str]) -> frozenset[FlowId]:
        """The flows, among these, that have one of the classes."""
        ...

    def tagged(self, name: str, after: TaggedFlow | None, limit: int) -> list[TaggedFlow]:
        """Up to `limit` flows with a tag that follow `after`, by value and id, for background work.

        Outside of changes, writes of other processes may be seen some seconds late.
        """
        ...

    def put(self, flow: FlowInput, document: bytes, tags: TagChanges) -> None:
        """Create the flow, or replace its document and collection, and change its tags.

        Derived members of other flows and of sources (collected_by, source_collection) are updated. A change
        that leaves the collection as it is writes no other rows.
        """
        ...

    def put_collectors(self, flows: Sequence[Collector]) -> None:
        """Replace the collections of flows, which do not change otherwise, and update derived members."""
        ...

    def delete(self, flow_id: FlowId, *, keep_timeline: bool = False) -> None:
        """Delete the flow with its tags and collection. No flow may collect it any more.

        Its statistics go too, unless `keep_timeline` keeps them for `restore`.
        """
        ...

    def restore(self, flow: FlowInput, document: bytes, tags: TagChanges, timeline: int) -> None:
        """Create a flow that was deleted, with the segments and statistics of its timeline."""
        ...

    def sources_of(self, flow_ids: Iterable[FlowId]) -> dict[FlowId, SourceId]:
        """The source ids of the flows that exist, by flow id."""
        ...

    def members(self, flow_id: FlowId) -> list[CollectionItem]:
        """The flows that a flow collects."""
        ...

    def collectors(self, flow_id: FlowId) -> list[FlowId]:
        """The ids of the flows that collect a flow, ascending."""
        ...

    def member_pairs(self, flow_ids: Sequence[FlowId]) -> list[tuple[FlowId, FlowId]]:
        """The members of these flows, as pairs of the ids of a collecting flow and a member."""
        ...

    def collector_pairs(self, flow_ids: Sequence[FlowId]) -> list[tuple[FlowId, FlowId]]:
        """The flows that collect these flows, as pairs of the ids of a collecting flow and a member."""
        ...

    def read_only_collector(self, flow_id: FlowId) -> FlowId | None:
        """The id of a read-only flow that collects the flow; None if there is no such flow."""
        ...

    def guard_collections(self) -> None:
        """Make this change conflict with every other one that calls this, so that they run one by one."""
        ...

    def collected_at_least(self, flow_ids: Iterable[FlowId], times: int) -> frozenset[FlowId]:
        """The flows, among these, that `times` flows or more collect."""
        ...
