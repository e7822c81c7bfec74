"""The rules of the metadata service on an engine, without gRPC."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from services.metadata.application.classes.store import ClassedStore
from services.metadata.application.clock import AuditedClock, Clock
from services.metadata.application.deletion_requests import Deletions
from services.metadata.application.flows.flows import Flows, GetFlow
from services.metadata.application.objects.accesses import Accesses
from services.metadata.application.objects.objects import Objects
from services.metadata.application.objects.places import Places
from services.metadata.application.objects.storage_backends import StorageBackends
from services.metadata.application.objects.unused_objects import UnusedObjects
from services.metadata.application.ports import FlowFilter, Removed, SegmentQuery, SourceFilter, Store
from services.metadata.application.segments.registration import Failure
from services.metadata.application.segments.segments import Registration, Segments
from services.metadata.application.service.upkeep import Upkeep
from services.metadata.application.sources.sources import Sources
from services.metadata.application.trash.cascades import Cascades
from services.metadata.application.trash.trash import Trash
from services.metadata.application.webhooks.commit_signal import CommitSignal
from services.metadata.application.webhooks.deliveries import Deliveries
from services.metadata.application.webhooks.webhooks import Webhooks
from services.metadata.domain.ids import ObjectId, StorageId
from services.metadata.domain.objects.external_url import ExternalUrl
from services.metadata.domain.objects.object import MediaObject, Place, State
from services.metadata.domain.segments.segment import Segment, StoredSegment
from services.metadata.domain.source import served_document
from services.shared.addresses import Addresses
from services.shared.timerange import ETERNITY, TimeRange
from tests.support.metadata.flows import Document, a_flow, encoded, flow_id, source_id

STORAGE = StorageId("5d1f6a2e-0000-4000-8000-00000000000a")
OUTSIDE = (ExternalUrl("https://example.com/object"),)


def a_segment(
    start: int, end: int, object_id: str = "o", *, inclusive: bool = False, **more: Any
) -> Segment[ObjectId]:
    """A segment of an object outside the store, unless `external_urls` is given."""
    return Segment(
        ObjectId(object_id), TimeRange(start, end, inclusive), **{"external_urls": OUTSIDE, **more}
    )


def an_object(object_id: str) -> Place:
    """An object to reserve."""
    return Place(object_id, STORAGE, f"path/{object_id}")


def object_ids(*names: str) -> list[ObjectId]:
    """Ids of objects."""
    return list(map(ObjectId, names))


def a_stored_object(
    object_id: str, path: str | None, state: State = State.REGISTERED, storage_id: str = STORAGE
) -> MediaObject:
    """An object as the tables hold it, outside the store if `path` is None. Flows can be added to it."""
    return MediaObject(ObjectId(object_id), None if path is None else StorageId(storage_id), path, state)


class Metadata:
    """The rules on one store. Its clock stands still except for `pass_time`."""

    def __init__(self, store: Store, *, deletion_seconds: float = 60, audited: bool = False) -> None:
        self.store = store
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.clock: Clock = AuditedClock(self._clock) if audited else self._clock
        seen = ClassedStore(store)
        self.deletions = deletions = Deletions(seen, self.clock, deletion_seconds)
        self.upkeep = Upkeep(store, self.clock, deletions)
        self.sources = Sources(seen, self.clock)
        self.flows = Flows(seen, self.clock, deletions)
        self.segments = Segments(seen, self.clock, deletions)
        self.objects = Objects(seen, self.clock)
        self.unused_objects = UnusedObjects(seen)
        self.accesses = Accesses(store, self.clock)
        self.places = Places(store)
        self.cascades = Cascades(seen, self.clock, self.flows, self.segments, deletions.trash)
        self.trash = Trash(seen, self.clock, deletion_seconds)
        self.backends = StorageBackends(store)

    def _clock(self) -> datetime:
        return self.now

    def pass_time(self, seconds: float = 1) -> None:
        self.now += timedelta(seconds=seconds)

    async def put(self, document: Document) -> Document:
        """Store a flow, and return its document as served."""
        stored, _ = await self.flows.put(document["id"], encoded(document))
        return _parsed(stored)

    async def flow(self, number: int, within: TimeRange | None = None) -> Document:
        return _parsed(await self.flows.get(GetFlow(flow_id(number), within)))

    async def source(self, number: int) -> Document:
        (listed,) = [source for source in await self.all_sources() if source["id"] == source_id(number)]
        return listed

    async def all_flows(self, **wanted: Any) -> list[Document]:
        page = await self.flows.page(FlowFilter(**wanted), 1000, "")
        return [json.loads(flow.document) for flow in page.items]

    async def all_sources(self, **wanted: Any) -> list[Document]:
        page = await self.sources.page(SourceFilter(**wanted), 1000, "")
        return [_parsed(served_document(source)) for source in page.items]

    async def put_flows(self, numbers: Iterable[int], **members: Any) -> None:
        for number in numbers:
            await self.put(a_flow(number, **members))

    async def register(self, number: int, *segments: Segment[str]) -> list[Failure]:
        return await self.segments.create(Registration(flow_id(number), segments))

    async def unregister(
        self, number: int, within: TimeRange = ETERNITY, object_id: str | None = None
    ) -> Removed:
        begun = await self.segments.delete(flow_id(number), within, object_id)
        assert begun.deletion is None
        return begun.removed

    async def all_segments(
        self,
        number: int,
        within: TimeRange = ETERNITY,
        object_id: str | None = None,
        *,
        reverse: bool = False,
    ) -> list[StoredSegment]:
        query = SegmentQuery(flow_id(number), within, object_id, reverse)
        return await self.store.read(lambda tables: tables.segments.page(query, 1000))

    async def references(self, object_id: str) -> list[str]:
        _, page = await self.objects.get(object_id, 0, "")
        return list(page.items)


class Subscribers:
    """Webhooks on one store, which may lead to `networks`, and their deliveries."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        networks: str = "",
        *,
        committed: CommitSignal | None = None,
        lease_margin_seconds: int = 0,
    ) -> None:
        signal = CommitSignal() if committed is None else committed
        self.webhooks = Webhooks(store, Addresses.parse(networks), signal)
        self.deliveries = Deliveries(
            store, clock, signal, self.webhooks, lease_margin_seconds=lease_margin_seconds
        )


def _parsed(document: bytes) -> Document:
    parsed: Document = json.loads(document)
    return parsed
