"""A plain model of a store after any history of requests.

Each request returns the status that the store should answer. A refused request changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mediatimestamp import TimeRange

from tests.support.models.written_ranges import Written, canonical, read, spanning

Document = dict[str, Any]
CREATED, DONE, PARTLY = 201, 204, 200
REFUSED, READ_ONLY, UNKNOWN = 400, 403, 404


@dataclass
class Segment:
    """A segment of a flow."""

    range: Written
    object_id: str

    def start(self) -> int:
        """The start of the segment in nanoseconds."""
        start = self.range.meaning.start
        assert start is not None
        return start.to_nanosec()


@dataclass
class Flow:
    """A flow as a client sent it, its segments in order, and the numbers of changes to both."""

    document: Document
    segments: list[Segment] = field(default_factory=list)
    # The metadata version in the last request of a client.
    requested_version: str | None = None
    writes: int = 0
    segment_writes: int = 0

    @property
    def source_id(self) -> str:
        return str(self.document["source_id"])

    @property
    def members(self) -> list[Document]:
        """The items of the flow's collection."""
        items: list[Document] = self.document.get("flow_collection", [])
        return items

    def within(self, wanted: Written | None) -> list[Segment]:
        """The segments that overlap a range."""
        return [
            segment
            for segment in self.segments
            if wanted is None or segment.range.meaning.overlaps_with_timerange(wanted.meaning)
        ]

    def extent(self, wanted: Written | None) -> TimeRange:
        """From the first to the last of the segments that overlap a range, clipped to it."""
        whole = read(spanning([segment.range.text for segment in self.within(wanted)])).meaning
        return whole if wanted is None else whole.intersect_with(wanted.meaning)

    def change(self, **members: Any) -> None:
        """Write members of the document; None removes a member."""
        document = self.document | members
        self.document = {name: value for name, value in document.items() if value is not None}
        self.requested_version = None
        self.writes += 1


@dataclass
class MediaObject:
    """An object. `allocated_for` is a flow id, or None outside the store; `first` is the first user."""

    allocated_for: str | None
    first: str | None = None


@dataclass
class Source:
    """A source; `texts` are its label and description."""

    format: str
    tags: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    writes: int = 0


class StoreModel:
    """Flows, sources and objects by id."""

    def __init__(self) -> None:
        self.flows: dict[str, Flow] = {}
        self.sources: dict[str, Source] = {}
        self.objects: dict[str, MediaObject] = {}

    def put_flow(self, document: Document) -> int:
        """PUT /flows/{id}."""
        flow_id, before = document["id"], self.flows.get(document["id"])
        if before is not None and before.document.get("read_only"):
            return READ_ONLY
        if before is not None and before.document["format"] != document["format"]:
            return REFUSED
        source = self.sources.get(document["source_id"])
        if source is not None and source.format != document["format"]:
            return REFUSED
        if not self._may_collect(flow_id, document.get("flow_collection", [])):
            return REFUSED
        self.sources.setdefault(document["source_id"], Source(document["format"]))
        flow = self.flows.setdefault(flow_id, Flow({}))
        document = dict(document)
        flow.requested_version = document.pop("metadata_version", None)
        flow.document = document
        flow.writes += 1
        self._drop_orphans()
        return CREATED if before is None else DONE

    def delete_flow(self, flow_id: str) -> int:
        """DELETE /flows/{id}."""
        if (why := self._refusal(flow_id)) is not None:
            return why
        if any(self.flows[owner].document.get("read_only") for owner in self.collectors(flow_id)):
            return READ_ONLY
        del self.flows[flow_id]
        for flow in self.flows.values():
            if any(item["id"] == flow_id for item in flow.members):
                flow.change(flow_collection=[item for item in flow.members if item["id"] != flow_id])
        self._drop_orphans()
        return DONE

    def change_flow(self, flow_id: str, **members: Any) -> int:
        """PUT or, with None, DELETE of properties of a flow."""
        if (why := self._refusal(flow_id)) is not None and not (why == READ_ONLY and "read_only" in members):
            return why
        if not self._may_collect(flow_id, members.get("flow_collection") or []):
            return REFUSED
        self.flows[flow_id].change(**members)
        return DONE

    def tag_flow(self, flow_id: str, name: str, value: str | None) -> int:
        """PUT or, without a value, DELETE of a tag of a flow."""
        if (why := self._refusal(flow_id)) is not None:
            return why
        tags = dict(self.flows[flow_id].document.get("tags", {}))
        if not _tag(tags, name, value):
            return UNKNOWN
        self.flows[flow_id].change(tags=tags)
        return DONE

    def tag_source(self, source_id: str, name: str, value: str | None) -> int:
        """PUT or, without a value, DELETE of a tag of a source."""
        source = self.sources.get(source_id)
        if source is None or not _tag(source.tags, name, value):
            return UNKNOWN
        source.writes += 1
        return DONE

    def describe_source(self, source_id: str, name: str, value: str | None) -> int:
        """PUT or, without a value, DELETE of the label or description of a source."""
        source = self.sources.get(source_id)
        if source is None:
            return UNKNOWN
        source.texts.pop(name, None)
        source.texts |= {} if value is None else {name: value}
        source.writes += 1
        return DONE

    def allocate(self, flow_id: str, object_ids: Sequence[str]) -> int:
        """POST /flows/{id}/storage."""
        if (why := self._refusal(flow_id, owning=True)) is not None:
            return why
        if len(set(object_ids)) < len(object_ids) or self.objects.keys() & set(object_ids):
            return REFUSED
        self.objects |= {object_id: MediaObject(flow_id) for object_id in object_ids}
        return CREATED

    def register_segment(self, flow_id: str, body: Document) -> int:
        """POST /flows/{id}/segments of one segment."""
        if (why := self._refusal(flow_id, owning=True)) is not None:
            return why
        return CREATED if self._register(flow_id, body) else REFUSED

    def register_segments(self, flow_id: str, bodies: Sequence[Document]) -> tuple[int, list[Document]]:
        """POST /flows/{id}/segments of many segments: the status, and the segments that fail."""
        if (why := self._refusal(flow_id, owning=True)) is not None:
            return why, []
        failed = [body for body in bodies if not self._register(flow_id, body)]
        return (PARTLY if failed else CREATED), failed

    def delete_segments(self, flow_id: str, within: Written | None, object_id: str | None) -> int:
        """DELETE /flows/{id}/segments."""
        if (why := self._refusal(flow_id)) is not None:
            return why
        flow = self.flows[flow_id]
        remaining = [
            segment
            for segment in flow.segments
            if object_id not in (None, segment.object_id)
            or (within is not None and not within.meaning.contains_subrange(segment.range.meaning))
        ]
        flow.segment_writes += len(remaining) < len(flow.segments)
        flow.segments = remaining
        self._forget_objects()
        return DONE

    def collectors(self, flow_id: str) -> list[str]:
        """The flows that collect a flow."""
        return sorted(
            collector
            for collector, flow in self.flows.items()
            if flow_id in [item["id"] for item in flow.members]
        )

    def source_collection(self, source_id: str) -> list[Document]:
        """The sources that the flows of a source collect, with roles."""
        found = {
            (self.flows[item["id"]].source_id, item["role"])
            for flow in self.flows.values()
            if flow.source_id == source_id
            for item in flow.members
        }
        return [{"id": member, "role": role} for member, role in sorted(found)]

    def source_collectors(self, source_id: str) -> list[str]:
        """The sources of the flows that collect flows of a source."""
        return sorted(
            {
                self.flows[collector].source_id
                for flow_id, flow in self.flows.items()
                if flow.source_id == source_id
                for collector in self.collectors(flow_id)
            }
        )

    def references(self, object_id: str) -> list[str]:
        """The flows with segments of an object."""
        return sorted(
            flow_id
            for flow_id, flow in self.flows.items()
            if object_id in [segment.object_id for segment in flow.segments]
        )

    def _refusal(self, flow_id: str, *, owning: bool = False) -> int | None:
        flow = self.flows.get(flow_id)
        if flow is None:
            return UNKNOWN
        if flow.document.get("read_only"):
            return READ_ONLY
        return REFUSED if owning and "container" not in flow.document else None

    def _may_collect(self, flow_id: str, items: Sequence[Mapping[str, Any]]) -> bool:
        return all(item["id"] in self.flows and not self._contains(item["id"], flow_id) for item in items)

    def _contains(self, flow_id: str, other: str) -> bool:
        """Whether two flows are the same, or the first collects the other, directly or through others."""
        members = [item["id"] for item in self.flows[flow_id].members] if flow_id in self.flows else []
        return flow_id == other or any(self._contains(member, other) for member in members)

    def _register(self, flow_id: str, body: Document) -> bool:
        flow, object_id = self.flows[flow_id], body["object_id"]
        known, wanted = self.objects.get(object_id), read(canonical(body["timerange"]))
        usable = "get_urls" in body if known is None else known.first or known.allocated_for == flow_id
        if not usable or wanted.meaning.is_empty() or flow.within(wanted):
            return False
        used = self.objects.setdefault(object_id, MediaObject(None))
        used.first = used.first or flow_id
        flow.segments.append(Segment(wanted, object_id))
        flow.segments.sort(key=Segment.start)
        flow.segment_writes += 1
        return True

    def _drop_orphans(self) -> None:
        used = {flow.source_id for flow in self.flows.values()}
        self.sources = {source_id: source for source_id, source in self.sources.items() if source_id in used}
        self._forget_objects()

    def _forget_objects(self) -> None:
        """Forget objects outside the store that nothing references."""
        self.objects = {
            object_id: known
            for object_id, known in self.objects.items()
            if known.allocated_for is not None or self.references(object_id)
        }


def _tag(tags: dict[str, str], name: str, value: str | None) -> bool:
    """Set a tag, or remove it if the value is None. False if there is no tag to remove."""
    if value is None:
        return tags.pop(name, None) is not None
    tags[name] = value
    return True
