"""What the rules need of a table engine.

Rules are plain functions over `Tables`; the store decides where and how they run. A change runs inside
one transaction: either everything it wrote is committed or nothing is.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeVar

from services.metadata.domain.deletion import Deletion
from services.metadata.domain.essence import CollectionItem
from services.metadata.domain.event import Event
from services.metadata.domain.flow import FlowInput, StoredFlow
from services.metadata.domain.object import MediaObject
from services.metadata.domain.segment import Segment, StoredSegment
from services.metadata.domain.source import StoredSource
from services.metadata.domain.webhook import Lease, Webhook
from services.shared.timerange import TimeRange

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class SourceFilter:
    """Which sources to list; None and empty do not filter."""

    label: str | None = None
    format: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    tag_exists: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FlowFilter:
    """Which flows to list; None and empty do not filter."""

    source_id: str | None = None
    timerange: TimeRange | None = None
    format: str | None = None
    codec: str | None = None
    label: str | None = None
    frame_width: int | None = None
    frame_height: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    tag_exists: Mapping[str, bool] = field(default_factory=dict)


class SegmentQuery(NamedTuple):
    """Which segments to list. `after` is the start of the last segment of the previous page."""

    flow_id: str
    timerange: TimeRange
    object_id: str | None = None
    reverse: bool = False
    after: int | None = None


class Removed(NamedTuple):
    """Segments that were deleted: how many, the range that spans them, the objects they referenced."""

    segments: int
    span: TimeRange
    objects: frozenset[str]

    def then(self, later: "Removed") -> "Removed":
        """These and the ones that followed them on the timeline."""
        if not self.segments or not later.segments:
            return later if later.segments else self
        span = TimeRange(self.span.start, later.span.end, later.span.end_inclusive)
        return Removed(self.segments + later.segments, span, self.objects | later.objects)


class SourceTable(Protocol):
    """Sources by id."""

    def get(self, source_id: str) -> StoredSource | None:
        """One source."""
        ...

    def page(self, wanted: SourceFilter, after: str | None, limit: int) -> list[StoredSource]:
        """Up to `limit` sources with an id above `after`, ascending."""
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
        """Up to `limit` flows with an id above `after`, ascending."""
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

    def page(self, query: SegmentQuery, limit: int) -> list[StoredSegment]:
        """Up to `limit` segments that overlap the range, in time order (reversed if asked)."""
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

    def change(self, objects: Iterable[MediaObject]) -> None:
        """Store the state and first flow of known objects. Registered ones are due to be measured."""
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

    def unmeasured(self, limit: int) -> list[MediaObject]:
        """Registered objects whose size is unknown and whose next attempt is due, oldest first."""
        ...

    def record_sizes(self, sizes: Mapping[str, int | None]) -> None:
        """Store sizes in bytes; None sets the next attempt further away."""
        ...


class EventTable(Protocol):
    """The outbox."""

    def append(self, event: Event) -> None:
        """Store an event under the next id."""
        ...

    def last_id(self) -> int:
        """The highest id given so far; 0 before the first."""
        ...

    def after(self, event_id: int, limit: int) -> list[Event]:
        """Up to `limit` events above an id, ascending."""
        ...

    def trim(self, through_id: int, limit: int) -> int:
        """Remove up to `limit` events up to an id; how many went."""
        ...


class WebhookTable(Protocol):
    """Subscribers, and who serves them."""

    def some(self) -> bool:
        """Whether there is any subscriber."""
        ...

    def all(self) -> list[Webhook]:
        """Every registration, ascending by URL."""
        ...

    def find(self, url: str, api_key_name: str, api_key_value: str) -> Webhook | None:
        """The registration of a URL with a key."""
        ...

    def put(self, webhook: Webhook, settled: int) -> None:
        """Store a registration; a new one counts events up to `settled` as settled."""
        ...

    def remove(self, webhook_id: str) -> None:
        """Remove a registration and its dead letters."""
        ...

    def lease(self, owner: str, now_ms: int, until_ms: int, limit: int) -> list[Lease]:
        """Renew the owner's leases, take free or run-out ones up to `limit` in all, return them."""
        ...

    def held(self, webhook_id: str, owner: str, now_ms: int) -> Lease | None:
        """The lease, if the owner holds it."""
        ...

    def settle(self, webhook_id: str, settled: int) -> None:
        """Move the mark of settled events forward; never back."""
        ...

    def give_up(self, webhook_id: str, event_id: int, error: str, attempts: int, now_ms: int) -> None:
        """Keep an event that could not be delivered as a dead letter."""
        ...

    def settled_by_all(self) -> int | None:
        """The id up to which every subscriber's events are settled; None without subscribers."""
        ...


class DeletionTable(Protocol):
    """Deletion requests."""

    def put(self, deletion: Deletion) -> None:
        """Store a request in place of what was there."""
        ...

    def get(self, deletion_id: str) -> Deletion | None:
        """One request."""
        ...

    def latest(self, limit: int) -> list[Deletion]:
        """Up to `limit` requests, newest first."""
        ...

    def claim(self, owner: str, now_ms: int, until_ms: int) -> Deletion | None:
        """Lease the oldest unfinished request that nobody works on, or that the owner already has."""
        ...

    def expire(self, now_ms: int) -> None:
        """Remove the records whose time has come."""
        ...


class ServiceInfo(NamedTuple):
    """What the operator calls this store."""

    name: str | None = None
    description: str | None = None


class ServiceInfoTable(Protocol):
    """The name and description of this store."""

    def get(self) -> ServiceInfo:
        """As stored."""
        ...

    def put(self, info: ServiceInfo) -> None:
        """Store both."""
        ...


class Tables(Protocol):
    """All tables, within one transaction."""

    @property
    def sources(self) -> SourceTable:
        """The sources."""
        ...

    @property
    def flows(self) -> FlowTable:
        """The flows."""
        ...

    @property
    def segments(self) -> SegmentTable:
        """The segments."""
        ...

    @property
    def objects(self) -> ObjectTable:
        """The objects."""
        ...

    @property
    def events(self) -> EventTable:
        """The outbox."""
        ...

    @property
    def webhooks(self) -> WebhookTable:
        """The subscribers."""
        ...

    @property
    def deletions(self) -> DeletionTable:
        """The deletion requests."""
        ...

    @property
    def service_info(self) -> ServiceInfoTable:
        """The name and description of this store."""
        ...


class Store(Protocol):
    """Runs rules on the tables."""

    async def read(self, query: Callable[[Tables], T]) -> T:
        """The result of a short query: index seeks and one page."""
        ...

    async def scan(self, query: Callable[[Tables], T]) -> T:
        """The result of a query that may look at many rows; other calls go on meanwhile."""
        ...

    async def write(self, change: Callable[[Tables], T]) -> T:
        """The result of a change, once committed; whatever it raises rolls all of it back.

        The change may run more than once, so it must do nothing but read and write the tables.
        Exhausted when too many changes wait; Unavailable when the engine fails.
        """
        ...
