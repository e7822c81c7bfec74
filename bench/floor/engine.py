"""The SQLite engine of the metadata service, called in this process: the floor of that service."""

import uuid
from itertools import count
from typing import Final

from bench import corpus
from bench.running.system import STORAGE_ID
from services.metadata.adapters.sqlite.store import SqliteStore
from services.metadata.application.clock import moment, utc_now
from services.metadata.application.ports import SegmentQuery, Tables
from services.metadata.domain.documents.jsons import ENCODE
from services.metadata.domain.documents.tags import tag_changes
from services.metadata.domain.flows.flow import parse_flow
from services.metadata.domain.ids import FlowId, ObjectId, StorageId
from services.metadata.domain.objects.object import MediaObject, State
from services.metadata.domain.segments.segment import Segment
from services.shared.ids import new_object_id
from services.shared.timerange import ETERNITY, NS, TimeRange

# Segments that exist from the start, segments of a page, and segments of a bulk registration.
FILLED: Final = 10_000
PAGE: Final = 300
BULK: Final = 100


class Engine:
    """The tables on a new database, called without rules."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._flow_id = FlowId(str(uuid.uuid4()))
        self._seconds = count()
        self._reserved: list[MediaObject] = []

    async def prepare(self) -> None:
        """Create a flow with segments."""
        flow = parse_flow(corpus.flow_document(self._flow_id))
        await self._store.write(
            lambda tables: tables.flows.put(flow, ENCODE(flow.members), tag_changes({}, flow.tags))
        )
        await self.reserve(FILLED)
        for _ in range(FILLED // BULK):
            await self.insert(BULK)

    async def reserve(self, number: int) -> None:
        """Add objects for new segments."""
        ids = [ObjectId(new_object_id()) for _ in range(number)]
        objects = [
            MediaObject(
                object_id, StorageId(STORAGE_ID), f"bench/{object_id}", State.ALLOCATED, self._flow_id
            )
            for object_id in ids
        ]
        await self._store.write(lambda tables: tables.objects.add(objects))
        self._reserved += objects

    async def get(self) -> None:
        """Read the flow."""
        await self._store.read(lambda tables: tables.flows.get(self._flow_id))

    async def page(self) -> None:
        """Read a page of segments."""
        query = SegmentQuery(self._flow_id, ETERNITY)
        await self._store.read(lambda tables: tables.segments.lines(query, PAGE))

    async def insert(self, number: int) -> None:
        """Insert segments of one second each, with all reads and writes of a registration."""
        objects = [self._reserved.pop() for _ in range(number)]
        segments = [(_segment(next(self._seconds), reserved.id), reserved) for reserved in objects]
        await self._store.write(lambda tables: self._insert(tables, segments))

    def _insert(self, tables: Tables, segments: list[tuple[Segment[ObjectId], MediaObject]]) -> None:
        flow = tables.flows.get(self._flow_id)
        if flow is None:
            raise RuntimeError("the flow does not exist")
        known = tables.objects.get_many([reserved.id for _, reserved in segments])
        tables.segments.occupied(self._flow_id, [segment.timerange for segment, _ in segments])
        tables.objects.register(known, self._flow_id)
        tables.segments.insert(flow.timeline, segments, moment(utc_now).text)


def _segment(second: int, object_id: ObjectId) -> Segment[ObjectId]:
    timerange = TimeRange(second * NS, (second + 1) * NS)
    return Segment(object_id, timerange, sample_count=25, key_frame_count=1)
