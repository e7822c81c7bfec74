"""The tables as a caller with a list of classes sees them.

They have the methods of `Tables` that queries need, and no others: what is missing here is closed to such
callers. Changes go on with `seeing.whole` once they have found what they change.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from services.metadata.application.classes import lists
from services.metadata.application.ports import FlowFilter, SegmentQuery, SourceFilter, Tables
from services.metadata.domain.deletion_request import Deletion
from services.metadata.domain.documents.classes import Classes, classes_of_document
from services.metadata.domain.flows.flow import StoredFlow
from services.metadata.domain.ids import FlowId, ObjectId, SourceId
from services.metadata.domain.objects.object import MediaObject, State
from services.metadata.domain.segments.lines import SegmentLines
from services.metadata.domain.source import StoredSource
from services.metadata.domain.trash import Kind, Trashed
from services.shared.timerange import TimeRange


class SeenTables:
    """The tables for a caller with these classes. `name` is that of the caller."""

    def __init__(self, tables: Tables, name: str, classes: Classes) -> None:
        self.whole = tables
        self.classes = classes
        self.sources = SeenSources(tables, classes)
        self.flows = SeenFlows(tables, classes)
        self.segments = SeenSegments(tables, self.flows)
        self.objects = SeenObjects(tables, classes)
        self.trash = SeenTrash(tables, classes)
        self.deletions = SeenDeletions(tables, name)


class SeenSources:
    """The sources that have one of the classes. Their lists have only such sources, linked by such flows."""

    def __init__(self, tables: Tables, classes: Classes) -> None:
        self._sources = tables.sources
        self._classes = classes

    def get(self, source_id: SourceId) -> StoredSource | None:
        """The source; None if it does not exist or is not seen."""
        source = self._sources.get(source_id)
        if source is None or self._classes.isdisjoint(classes_of_document(source.document)):
            return None
        return self._shown([source])[0]

    def page(self, criteria: SourceFilter, after: str | None, limit: int) -> list[StoredSource]:
        """A page of the sources that are seen and pass the filter."""
        return self._shown(self._sources.page(replace(criteria, classes=self._classes), after, limit))

    def text_with_prefix(self, tag: str | None, prefix: str, excluded: Sequence[str]) -> str | None:
        """A label or value of a tag, of a source that is seen."""
        return self._sources.text_with_prefix(tag, prefix, excluded, self._classes)

    def _shown(self, sources: Sequence[StoredSource]) -> list[StoredSource]:
        ids = set().union(*map(lists.linked_sources, sources))
        if not ids:
            return list(sources)
        seen = self._sources.having_classes(ids, self._classes)
        pairs = set().union(*(lists.pairs_of(source, seen) for source in sources))
        links = self._sources.links(pairs, self._classes) if pairs else frozenset()
        return [lists.source_with(source, links) for source in sources]


class SeenFlows:
    """The flows that have one of the classes. Their collections have only such flows."""

    def __init__(self, tables: Tables, classes: Classes) -> None:
        self._flows = tables.flows
        self._classes = classes

    def get(self, flow_id: FlowId) -> StoredFlow | None:
        """The flow; None if it does not exist or is not seen."""
        flow = self._flows.get(flow_id)
        if flow is None or self._classes.isdisjoint(classes_of_document(flow.document)):
            return None
        return self._shown([flow])[0]

    def page(self, criteria: FlowFilter, after: str | None, limit: int) -> list[StoredFlow]:
        """A page of the flows that are seen and pass the filter."""
        return self._shown(self._flows.page(replace(criteria, classes=self._classes), after, limit))

    def text_with_prefix(self, tag: str | None, prefix: str, excluded: Sequence[str]) -> str | None:
        """A label or value of a tag, of a flow that is seen."""
        return self._flows.text_with_prefix(tag, prefix, excluded, self._classes)

    def sources_of(self, flow_ids: Iterable[FlowId]) -> dict[FlowId, SourceId]:
        """The source ids of the flows that are seen, by flow id."""
        return self._flows.sources_of(self._flows.having_classes(flow_ids, self._classes))

    def sees(self, flow_id: FlowId) -> bool:
        """True if the flow exists and is seen."""
        flow = self._flows.get(flow_id)
        return flow is not None and not self._classes.isdisjoint(classes_of_document(flow.document))

    def _shown(self, flows: Sequence[StoredFlow]) -> list[StoredFlow]:
        ids = set().union(*map(lists.linked_flows, flows))
        seen = self._flows.having_classes(ids, self._classes) if ids else frozenset()
        return [lists.flow_with(flow, seen) for flow in flows]


class SeenSegments:
    """The segments of the flows that are seen."""

    def __init__(self, tables: Tables, flows: SeenFlows) -> None:
        self._segments = tables.segments
        self._flows = flows

    def lines(self, query: SegmentQuery, size: int) -> SegmentLines:
        """A page of segments as text; empty if the flow is not seen."""
        return self._segments.lines(query, size) if self._flows.sees(query.flow_id) else SegmentLines.of(())

    def extent(self, flow_id: FlowId, within: TimeRange) -> TimeRange:
        """The range that spans the segments of a flow that was read before, as of SegmentTable."""
        return self._segments.extent(flow_id, within)


class SeenObjects:
    """The objects that a flow references which is seen, or that are unused and were allocated for one."""

    def __init__(self, tables: Tables, classes: Classes) -> None:
        self._objects = tables.objects
        self._flows = tables.flows
        self._classes = classes

    def get_many(self, object_ids: Iterable[ObjectId]) -> dict[ObjectId, MediaObject]:
        """The stored objects that are seen, in any state, by id."""
        stored = self._objects.get_many(object_ids)
        registered = [one.id for one in stored.values() if one.state is State.REGISTERED]
        seen = self._objects.referenced(registered, self._classes) if registered else frozenset()
        others = [one for one in stored.values() if one.id not in seen and one.allocated_for_flow]
        owners = {one.allocated_for_flow for one in others if one.allocated_for_flow}
        own = self._flows.having_classes(owners, self._classes) if owners else frozenset()
        seen |= {one.id for one in others if one.allocated_for_flow in own and self._is_unused(one)}
        return {object_id: one for object_id, one in stored.items() if object_id in seen}

    def _is_unused(self, one: MediaObject) -> bool:
        # Segments in the trash keep an object registered.
        return one.state is not State.REGISTERED or not self._objects.referencing_flows(one.id, None, 1)

    def referencing_flows(self, object_id: ObjectId, after: str | None, limit: int) -> list[FlowId]:
        """Up to `limit` ids above `after` of flows that are seen and reference the object, ascending."""
        return self._objects.referencing_flows(object_id, after, limit, self._classes)


class SeenTrash:
    """The entries of the trash whose flow had one of the classes."""

    def __init__(self, tables: Tables, classes: Classes) -> None:
        self._trash = tables.trash
        self._classes = classes

    def get(self, entry_id: str) -> Trashed | None:
        """The entry; None if it does not exist or is not seen."""
        entry = self._trash.get(entry_id)
        return None if entry is None or self._classes.isdisjoint(entry.classes) else entry

    def page(
        self, flow_id: str | None, source_id: str | None, after: str | None, limit: int
    ) -> list[Trashed]:
        """A page of the entries that are seen."""
        return self._trash.page(flow_id, source_id, after, limit, self._classes)

    def of_flows(self, flow_ids: Iterable[FlowId], kind: Kind) -> list[Trashed]:
        """The entries of a kind for these flows, in the order of their deletion."""
        return self._seen(self._trash.of_flows(flow_ids, kind))

    def of_source(self, source_id: SourceId) -> list[Trashed]:
        """The deleted flows of a source, in the order of their deletion."""
        return self._seen(self._trash.of_source(source_id))

    def _seen(self, entries: list[Trashed]) -> list[Trashed]:
        return [entry for entry in entries if not self._classes.isdisjoint(entry.classes)]


class SeenDeletions:
    """The deletion requests that the caller made."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._deletions = tables.deletions
        self._name = name

    def get(self, deletion_id: str) -> Deletion | None:
        """The request; None if it does not exist, or another caller made it."""
        deletion = self._deletions.get(deletion_id)
        return deletion if deletion is not None and deletion.created_by == self._name else None

    def latest(self, limit: int) -> list[Deletion]:
        """Up to `limit` requests of the caller, newest first."""
        return self._deletions.latest(limit, self._name)
