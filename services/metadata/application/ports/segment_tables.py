"""The tables of segments and objects."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from services.metadata.application.ports.queries import Removed, SegmentQuery
from services.metadata.domain.ids import FlowId, ObjectId
from services.metadata.domain.objects.object import IdleObject, MediaObject, PlacedObject, State
from services.metadata.domain.segments.lines import SegmentLines
from services.metadata.domain.segments.segment import Segment, StoredSegment
from services.shared.timerange import TimeRange


class SegmentTable(Protocol):
    """Segments of flows by start. The segments of a flow never overlap.

    A `timeline` is StoredFlow.timeline, the key of the segments, which are there even after the flow is gone.
    """

    def page(self, query: SegmentQuery, limit: int) -> list[StoredSegment]:
        """Up to `limit` segments that overlap the range, in order of time, or reversed.

        They may be fewer, though more exist, if a page cannot hold more bytes.
        """
        ...

    def lines(self, query: SegmentQuery, size: int) -> SegmentLines:
        """A page of up to `size` segments that overlap the range, as text.

        It ends before it exceeds PAGE_BYTES, unless its first segment alone does.
        """
        ...

    def extent(self, flow_id: FlowId, within: TimeRange) -> TimeRange:
        """The smallest range that spans the segments overlapping `within`; empty without such segments."""
        ...

    def occupied(self, flow_id: FlowId, ranges: Sequence[TimeRange]) -> list[bool]:
        """True for each range that a segment of the flow overlaps, in the order of the ranges."""
        ...

    def insert(
        self,
        timeline: int,
        segments: Sequence[tuple[Segment[ObjectId], MediaObject]],
        now: str,
        new_objects: Sequence[MediaObject] = (),
    ) -> None:
        """Store segments, which overlap none, and their new objects; update the flow's statistics.

        `now` is RFC 3339 text.
        """
        ...

    def delete(
        self, timeline: int, within: TimeRange, object_id: str | None, limit: int, now: str
    ) -> Removed:
        """Delete the first `limit` segments that `within` covers, and update the flow's statistics.

        With an object id, only segments of this object. `now` is RFC 3339 text.
        """
        ...

    def move(
        self, timeline: int, within: TimeRange, object_id: str | None, now: str, *, limit: int, target: int
    ) -> Removed:
        """Move the first `limit` segments that `within` covers to the timeline `target`.

        They overlap none there. It may be new. The statistics of both are updated; `now` is RFC 3339 text.
        """
        ...

    def place(self, objects: Iterable[MediaObject]) -> None:
        """Write the places of objects and of their copies into all segments that reference them."""
        ...

    def first(self, timeline: int, after: int | None, limit: int) -> list[StoredSegment]:
        """The first `limit` segments of a timeline that start after a time in nanoseconds, in order.

        They may be fewer, though more exist, if a page cannot hold more bytes.
        """
        ...


class ObjectTable(Protocol):
    """Objects by id. The segments say which flows reference an object."""

    def get_many(self, object_ids: Iterable[ObjectId]) -> dict[ObjectId, MediaObject]:
        """The stored objects, in any state, by id."""
        ...

    def add(self, objects: Iterable[MediaObject]) -> None:
        """Store new objects. Registered ones become due for measuring."""
        ...

    def register(self, object_ids: Iterable[ObjectId], flow_id: FlowId) -> None:
        """Set stored objects to REGISTERED. The flow is their first, unless another flow was before.

        Objects in this store become due for measuring, unless their size is stored.
        """
        ...

    def retire(self, object_ids: Iterable[ObjectId], state: State) -> None:
        """Set stored objects to UNREFERENCED or RECLAIMED. They are no longer due for measuring."""
        ...

    def place(self, objects: Iterable[MediaObject]) -> None:
        """Write the places of stored objects and of their copies."""
        ...

    def count_segments(self, object_ids: Iterable[ObjectId]) -> dict[ObjectId, int]:
        """The number of segments that reference each of these objects."""
        ...

    def release(self, object_ids: Iterable[ObjectId]) -> None:
        """Set objects to UNREFERENCED if no segment references them any more.

        The ids are those of segments that were just deleted. Objects outside this store are removed instead,
        because nothing here manages them.
        """
        ...

    def unreferenced(self, object_ids: Iterable[ObjectId]) -> list[ObjectId]:
        """The objects, among these, that no segment references."""
        ...

    def forget(self, object_ids: Iterable[ObjectId]) -> None:
        """Remove the records of objects."""
        ...

    def referencing_flows(
        self, object_id: ObjectId, after: str | None, limit: int, classes: frozenset[str] | None = None
    ) -> list[FlowId]:
        """Up to `limit` ids above `after` of flows that reference the object, ascending.

        With classes, only flows that have one of them.
        """
        ...

    def referenced(self, object_ids: Iterable[ObjectId], classes: frozenset[str]) -> frozenset[ObjectId]:
        """The objects, among these, that a flow with one of the classes references."""
        ...

    def idle(self, state: State, seconds: int, limit: int) -> list[MediaObject]:
        """Up to `limit` objects that have been in the state for at least `seconds`, oldest first.

        The state is not REGISTERED.
        """
        ...

    def idle_page(
        self, state: State, seconds: int, after: tuple[int, ObjectId] | None, limit: int
    ) -> list[IdleObject]:
        """Up to `limit` objects of `idle` after a place, in the order of `IdleObject.place`."""
        ...

    def unmeasured(self, limit: int) -> list[MediaObject]:
        """Up to `limit` registered objects without a stored size that are due for measuring, oldest first."""
        ...

    def placed(self, storage_id: str, prefix: str, after: tuple[str, str], limit: int) -> list[PlacedObject]:
        """Up to `limit` objects and copies of a backend whose path has a prefix, in the order of bytes.

        Copies are listed in any state. They follow `after`, a pair of a path and an object id, which is empty
        to begin with the path.
        """
        ...

    def at(self, storage_ids: Sequence[str], paths: Sequence[str]) -> list[PlacedObject]:
        """The objects, and copies in any state, with one of the paths on one of the storage backends."""
        ...

    def record_sizes(self, sizes: Mapping[ObjectId, int | None], etags: Mapping[ObjectId, str]) -> None:
        """Store sizes in bytes and the known ETags, by object id.

        The size None postpones the next attempt, each time for longer.
        """
        ...
