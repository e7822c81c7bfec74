"""The table of flows, with their tags and collections."""

import secrets
from collections.abc import Callable, Iterable, Sequence, Set
from functools import partial
from typing import Final, cast

import msgspec
from msgspec import UNSET

from services.metadata.adapters.vast.classes import having_classes
from services.metadata.adapters.vast.flows import collections
from services.metadata.adapters.vast.flows.listings import Listing
from services.metadata.adapters.vast.flows.tagged import tagged_flows
from services.metadata.adapters.vast.flows.tags import add_tags, drop_tags, put_tags
from services.metadata.adapters.vast.flows.texts import text_with_prefix
from services.metadata.adapters.vast.queries import Row, Values
from services.metadata.adapters.vast.reading.view import View
from services.metadata.adapters.vast.segments.statistics import (
    NEW_TIMELINE,
    Bounds,
    Timeline,
    save_timeline,
    take_timeline,
)
from services.metadata.application.ports import Collector, FlowFilter, TaggedFlow
from services.metadata.domain.documents.classes import Classes
from services.metadata.domain.documents.tags import TagChanges
from services.metadata.domain.flows.essence import CollectionItem
from services.metadata.domain.flows.flow import FlowInput, StoredFlow
from services.metadata.domain.ids import FlowId, SourceId
from services.shared.timerange import TimeRange
from services.vast_client.filters.filters import Above, And, AtLeast, Below, Equal, Filter, In

_FILTERED: Final = ("source_id", "format", "codec", "label", "frame_width", "frame_height")


class VastFlows:
    """Flows by id, with their tags and collections."""

    def __init__(self, view: View, count: Callable[[str], int]) -> None:
        self._view = view
        self._count = count

    def get(self, flow_id: str) -> StoredFlow | None:
        """The flow; None if it does not exist."""
        row = self._view.row("flows", "id", flow_id)
        if row is None:
            return None
        self._view.remember_flow(row["timeline"], flow_id)
        return _stored(row)

    def page(self, criteria: FlowFilter, after: str | None, limit: int) -> list[StoredFlow]:
        """Up to `limit` flows that pass the filter and have an id above `after`, ascending by id."""
        equal = {name: getattr(criteria, name) for name in _FILTERED}
        if criteria.classes is not None and not criteria.classes:
            return []
        listing = Listing(
            self._view, "flow", equal, criteria.tags, criteria.tag_exists, classes=criteria.classes
        )
        more, keep = self._overlapping(criteria.timerange)
        rows = listing.page(after, limit, partial(self._count, "flows"), more, keep)
        return [_stored(row) for row in rows]

    def text_with_prefix(
        self, tag: str | None, prefix: str, excluded: Sequence[str], classes: Classes | None = None
    ) -> str | None:
        """A stored label, or value of the tag if one is given, with the prefix; none of the excluded ones."""
        return text_with_prefix(self._view, "flow", tag, prefix, excluded, classes=classes)

    def having_classes(self, flow_ids: Iterable[str], classes: Classes) -> frozenset[FlowId]:
        """The flows, among these, that have one of the classes."""
        found = having_classes(self._view, "flow-class", flow_ids, classes)
        return cast("frozenset[FlowId]", found)

    def tagged(self, name: str, after: TaggedFlow | None, limit: int) -> list[TaggedFlow]:
        """Up to `limit` flows with a tag that follow `after`, by value and id, for background work."""
        return tagged_flows(self._view, name, after, limit)

    def put(self, flow: FlowInput, document: bytes, tags: TagChanges) -> None:
        """Create the flow, or replace its document and collection, and change its tags."""
        flow_id, source_id = flow.flow.id, flow.flow.source_id
        known = self._view.row("flows", "id", flow_id)
        if known is None:
            self._insert(flow, document, {"timeline": secrets.randbits(62), **NEW_TIMELINE})
            add_tags(self._view, "flow", flow_id, tags.set)
            collections.touch_source(self._view, source_id)
        else:
            self._view.update("flows", known, **column_values(flow, document))
            put_tags(self._view, "flow", flow_id, tags)
        lost, gained = self._put_collection(known, flow)
        if known is not None and known["source_id"] != source_id:
            self._derive(lost, {source_id, known["source_id"]} | collections.neighbours(self._view, flow_id))
        # Other changes do not write the source: its lists stay, and a source with flows is not deleted.
        elif lost:
            self._derive(lost | gained, {source_id})
        elif gained:
            added = [item for item in flow.collection if item.id in gained]
            collections.link_sources(self._view, source_id, added)

    def _put_collection(self, known: Row | None, flow: FlowInput) -> tuple[set[str], set[str]]:
        """The result of `collections.put_collection`, which only runs if the collection changes."""
        if collections.listed(known) == collections.pairs_of(flow.collection):
            return set(), set()
        return collections.put_collection(self._view, flow.flow.id, flow.collection)

    def put_collectors(self, flows: Sequence[Collector]) -> None:
        """Replace the collections of flows, which do not change otherwise."""
        changed: set[str] = set()
        # One query for each table reads the rows of all flows.
        self._view.lookups("flows", "id", [flow.id for flow in flows])
        self._view.lookups("collections", "flow_id", [flow.id for flow in flows])
        for flow in flows:
            for row in self._view.lookup("flows", "id", flow.id):
                self._view.update("flows", row, doc=flow.document)
            changed = changed.union(*collections.put_collection(self._view, flow.id, flow.collection))
        self._derive(changed, {flow.source_id for flow in flows})

    def restore(self, flow: FlowInput, document: bytes, tags: TagChanges, timeline: int) -> None:
        """Create a flow that was deleted, with the segments and statistics of its timeline."""
        self._insert(flow, document, take_timeline(self._view, timeline))
        add_tags(self._view, "flow", flow.flow.id, tags.set)
        collections.touch_source(self._view, flow.flow.source_id)
        _, gained = self._put_collection(None, flow)
        added = [item for item in flow.collection if item.id in gained]
        collections.link_sources(self._view, flow.flow.source_id, added)

    def _insert(self, flow: FlowInput, document: bytes, timeline: Values) -> None:
        self._view.lock("flows", flow.flow.id)
        self._view.insert("flows", id=flow.flow.id, **column_values(flow, document), **timeline)

    def _derive(self, flow_ids: Iterable[str], source_ids: Set[str]) -> None:
        """Recompute the lists of these sources, and of the sources of these flows."""
        ordered = sorted(source_ids | set(self.sources_of(flow_ids).values()))
        collections.read_ahead(self._view, ordered)
        for source_id in ordered:
            collections.derive_source(self._view, source_id)

    def delete(self, flow_id: str, *, keep_timeline: bool = False) -> None:  # noqa: ARG002 - always kept
        """Delete the flow with its tags and collection. Its statistics move to the table of timelines."""
        linked = collections.neighbours(self._view, flow_id)
        for row in self._view.lookup("flows", "id", flow_id):
            if collections.may_collect(row):
                collections.put_collection(self._view, flow_id, [])
            save_timeline(self._view, row)
            self._view.delete("flows", [row])
            collections.touch_source(self._view, row["source_id"])
            linked |= {row["source_id"]} if linked else set()
            drop_tags(self._view, "flow", row)
        self._derive((), linked)

    def sources_of(self, flow_ids: Iterable[str]) -> dict[FlowId, SourceId]:
        """The source ids of the flows that exist, by flow id."""
        return cast("dict[FlowId, SourceId]", collections.sources_of(self._view, flow_ids))

    def members(self, flow_id: str) -> list[CollectionItem]:
        """The flows that a flow collects."""
        return collections.members(self._view, flow_id)

    def collectors(self, flow_id: str) -> list[FlowId]:
        """The ids of the flows that collect a flow, ascending."""
        return cast("list[FlowId]", collections.collectors(self._view, flow_id))

    def member_pairs(self, flow_ids: Sequence[str]) -> list[tuple[FlowId, FlowId]]:
        """The members of these flows, as pairs of the ids of a collecting flow and a member."""
        return cast("list[tuple[FlowId, FlowId]]", collections.pairs(self._view, "flow_id", flow_ids))

    def collector_pairs(self, flow_ids: Sequence[str]) -> list[tuple[FlowId, FlowId]]:
        """The flows that collect these flows, as pairs of the ids of a collecting flow and a member."""
        return cast("list[tuple[FlowId, FlowId]]", collections.pairs(self._view, "member", flow_ids))

    def read_only_collector(self, flow_id: str) -> FlowId | None:
        """The id of a read-only flow that collects the flow; None if there is no such flow."""
        return cast("FlowId | None", collections.read_only_collector(self._view, flow_id))

    def guard_collections(self) -> None:
        """Conflict with every other change that calls this."""
        self._view.lock("collections")

    def collected_at_least(self, flow_ids: Iterable[str], times: int) -> frozenset[FlowId]:
        """The flows, among these, that `times` flows or more collect."""
        return cast("frozenset[FlowId]", collections.collected_at_least(self._view, flow_ids, times))

    def _overlapping(
        self, timerange: TimeRange | None
    ) -> tuple[tuple[Filter, ...], Callable[[list[Row]], list[Row]] | None]:
        """Filters for flows that may have segments in a range, and a function that keeps those that do."""
        if timerange is None or (timerange.start is None and timerange.end is None and not timerange.empty):
            return (), None
        if timerange.empty:
            return (Equal("segments", 0),), None
        bounds = Bounds.of(timerange)
        spanning = (Below("start_ns", bounds.high), Above("end_ns", bounds.low))
        return spanning, lambda rows: self._with_segments(rows, bounds)

    def _with_segments(self, rows: list[Row], bounds: Bounds) -> list[Row]:
        unsure = [row for row in rows if not bounds.low <= row["start_ns"] < bounds.high]
        if not unsure:
            return rows
        earliest_start = min(Timeline("flows", row).earliest_start(bounds.low) for row in unsure)
        where = And((
            In("flow", tuple(row["timeline"] for row in unsure)),
            AtLeast("start_ns", earliest_start),
            Below("start_ns", bounds.high),
            Above("end_ns", bounds.low),
        ))  # fmt: skip
        found = {row["flow"] for row in self._view.select("segments", where, ("flow", "start_ns", "end_ns"))}
        unsure_timelines = {row["timeline"] for row in unsure}
        return [row for row in rows if row["timeline"] in found or row["timeline"] not in unsure_timelines]


def _stored(row: Row) -> StoredFlow:
    return StoredFlow(
        row["id"], row["timeline"], row["source_id"], row["format"], row["container"],
        int(row["read_only"]), row["doc"], row["collected_by"], row["start_ns"], row["end_ns"],
        None if row["end_inclusive"] is None else int(row["end_inclusive"]), row["updated"],
    )  # fmt: skip


def column_values(flow: FlowInput, document: bytes) -> Values:
    """The columns of a flow that follow from its document."""
    core, (width, height) = flow.flow, flow.frame_size
    return {
        "source_id": core.source_id, "format": flow.format, "codec": core.codec or "",
        "container": core.container or "", "label": _text_or_none(core.label), "frame_width": width,
        "frame_height": height, "read_only": core.read_only is True, "doc": document,
    }  # fmt: skip


def _text_or_none(value: str | msgspec.UnsetType) -> str | None:
    return None if value is UNSET else value
