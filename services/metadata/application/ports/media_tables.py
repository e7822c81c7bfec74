"""The tables of what TAMS stores: sources, flows, segments, objects."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from services.metadata.application.ports.queries import FlowFilter, Removed, SegmentQuery, SourceFilter
from services.metadata.domain.essence import CollectionItem
from services.metadata.domain.flow import FlowInput, StoredFlow
from services.metadata.domain.object import MediaObject, State
from services.metadata.domain.segment import Segment
from services.metadata.domain.segment_lines import SegmentLines
from services.metadata.domain.source import StoredSource
from services.metadata.domain.stored_segments import StoredSegments
from services.shared.timerange import TimeRange


class SourceTable(Protocol):
    """Sources by id."""

    def get(self, source_id: str) -> StoredSource | None:
        """One source."""
        ...

    def page(self, wanted: SourceFilter, after: str | None, limit: int) -> list[StoredSource]:
        """Up to `limit` sources with an id above `after`, ascending; may end once no page holds more."""
        ...

    def insert(self, source_id: str, format_urn: str, document: bytes) -> None:
        """Store a new source."""
        ...

    def replace(self, source_id: str, document: bytes, label: str | None, tags: Mapping[str, str]) -> None:
        """Store a changed source."""
        ...

    def delete(self, source_id: str) -> None:
        """Remove a source and its tags."""
        ...

    def has_flows(self, source_id: str) -> bool:
        """Whether any flow renders the source."""
        ...


class FlowTable(Protocol):
    """Flows by id, their tags and collections."""

    def get(self, flow_id: str) -> StoredFlow | None:
        """One flow."""
        ...

    def page(self, wanted: FlowFilter, after: str | None, limit: int) -> list[StoredFlow]:
        """Up to `limit` flows with an id above `after`, ascending; may end once no page holds more."""
        ...

    def put(self, flow: FlowInput, document: bytes) -> None:
        """Store the flow, its tags and its collection in place of what was there."""
        ...

    def delete(self, flow_id: str) -> None:
        """Remove the flow, its tags, its collection and its statistics."""
        ...

    def sources_of(self, flow_ids: Iterable[str]) -> dict[str, str]:
        """The source of each of the flows that exist."""
        ...

    def members(self, flow_id: str) -> list[CollectionItem]:
        """The flows that a flow collects."""
        ...

    def collectors(self, flow_id: str) -> list[str]:
        """The flows that collect a flow, ascending."""
        ...

    def derive_collections(self, flow_ids: Iterable[str], source_ids: Iterable[str]) -> None:
        """Recompute the stored collected_by and source_collection of these flows and sources."""
        ...


class SegmentTable(Protocol):
    """Segments of flows by start. Within a flow they never overlap."""

    def page(self, query: SegmentQuery, limit: int) -> StoredSegments:
        """Up to `limit` segments that overlap the range, in time order (reversed if asked).

        May end once no page holds more.
        """
        ...

    def lines(self, query: SegmentQuery, size: int) -> SegmentLines:
        """A page of up to `size` segments that overlap the range, as text.

        Ends early rather than hold more than PAGE_BYTES, unless its first segment does.
        """
        ...

    def extent(self, flow_id: str, within: TimeRange) -> TimeRange:
        """Smallest range that spans the segments overlapping `within`; empty when there are none."""
        ...

    def occupied(self, flow_id: str, ranges: Sequence[TimeRange]) -> list[bool]:
        """For each of the ranges, whether a segment of the flow overlaps it."""
        ...

    def insert(self, timeline: int, segments: Sequence[tuple[Segment, MediaObject]], now: str) -> None:
        """Store segments that overlap nothing, and bring the flow's statistics up to date."""
        ...

    def delete(
        self, timeline: int, within: TimeRange, object_id: str | None, limit: int, now: str
    ) -> Removed:
        """Remove the first `limit` segments that `within` covers, and bring statistics up to date.

        The timeline is StoredFlow.timeline: it names the segments even when the flow is gone.
        """
        ...


class ObjectTable(Protocol):
    """Objects by id. Which flows reference one follows from the segments."""

    def get_many(self, object_ids: Iterable[str]) -> dict[str, MediaObject]:
        """The objects that are known, in any state."""
        ...

    def add(self, objects: Iterable[MediaObject]) -> None:
        """Store new objects. Registered ones are due to be measured."""
        ...

    def register(self, object_ids: Iterable[str], flow_id: str) -> None:
        """Known objects are referenced now, first by the flow unless another was before.

        Those in this store are due to be measured, unless their size is known.
        """
        ...

    def retire(self, object_ids: Iterable[str], state: State) -> None:
        """Known objects are not referenced any more: UNREFERENCED or RECLAIMED. They are not measured."""
        ...

    def unreferenced(self, object_ids: Iterable[str]) -> list[str]:
        """Those of the objects that no segment references."""
        ...

    def forget(self, object_ids: Iterable[str]) -> None:
        """Remove objects: nothing here needs to remember them."""
        ...

    def referencing_flows(self, object_id: str, after: str | None, limit: int) -> list[str]:
        """Up to `limit` ids of flows above `after` that reference the object, ascending."""
        ...

    def idle(self, state: State, seconds: int, limit: int) -> list[MediaObject]:
        """Up to `limit` objects in a state (not REGISTERED) for at least so many seconds, oldest first."""
        ...

    def unmeasured(self, limit: int) -> list[MediaObject]:
        """Registered objects whose size is unknown and whose next attempt is due, oldest first."""
        ...

    def record_sizes(self, sizes: Mapping[str, int | None]) -> None:
        """Store sizes in bytes; None sets the next attempt further away."""
        ...
