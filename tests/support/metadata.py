"""The metadata service's rules on an engine, without gRPC."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from services.metadata.application.deletions import Deletions
from services.metadata.application.flows import Flows, GetFlow
from services.metadata.application.objects import Objects
from services.metadata.application.ports import FlowFilter, Removed, SegmentQuery, SourceFilter, Store
from services.metadata.application.segments import Failed, Registration, Segments
from services.metadata.application.sources import Sources
from services.metadata.application.upkeep import Upkeep
from services.metadata.domain.object import MediaObject, State
from services.metadata.domain.segment import ExternalUrl, Segment, StoredSegment
from services.metadata.domain.source import served_document
from services.shared.timerange import ETERNITY, TimeRange
from tests.support.flows import Document, a_flow, encoded, flow_id, source_id

STORAGE = "5d1f6a2e-0000-4000-8000-00000000000a"
OUTSIDE = (ExternalUrl("https://example.com/object"),)


def a_segment(start: int, end: int, object_id: str = "o", *, inclusive: bool = False, **more: Any) -> Segment:
    """A segment of an object outside the store, unless told otherwise."""
    return Segment(object_id, TimeRange(start, end, inclusive), **{"external_urls": OUTSIDE, **more})


def an_object(object_id: str, number: int = 1) -> MediaObject:
    """An object to reserve for a flow."""
    return MediaObject(object_id, STORAGE, f"path/{object_id}", State.ALLOCATED, flow_id(number))


class Metadata:
    """Rules on one store. Time stands still until told to pass."""

    def __init__(self, store: Store, *, deletion_seconds: float = 60) -> None:
        self.store = store
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.deletions = deletions = Deletions(store, self._clock, deletion_seconds)
        self.upkeep = Upkeep(store, self._clock, deletions)
        self.sources = Sources(store, self._clock)
        self.flows = Flows(store, self._clock, deletions)
        self.segments = Segments(store, self._clock, deletions)
        self.objects = Objects(store)

    def _clock(self) -> datetime:
        return self.now

    def pass_time(self, seconds: float = 1) -> None:
        self.now += timedelta(seconds=seconds)

    async def put(self, document: Document) -> Document:
        """Store a flow; the document as served."""
        read, _ = await self.flows.put(document["id"], encoded(document))
        return _parsed(read.document)

    async def flow(self, number: int, within: TimeRange | None = None) -> Document:
        return _parsed((await self.flows.get(GetFlow(flow_id(number), within))).document)

    async def source(self, number: int) -> Document:
        (listed,) = [one for one in await self.all_sources() if one["id"] == source_id(number)]
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

    async def register(self, number: int, *segments: Segment) -> list[Failed]:
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
        return list((await self.segments.page(query, 1000, "")).items)

    async def references(self, object_id: str) -> list[str]:
        _, page = await self.objects.get(object_id, 0, "")
        return list(page.items)


def _parsed(document: bytes) -> Document:
    parsed: Document = json.loads(document)
    return parsed
