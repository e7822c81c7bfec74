"""The engine of the metadata service called in process: the floor of what that service does."""

import uuid
from itertools import count
from typing import Final

from bench import corpus
from bench.system import STORAGE_ID
from services.metadata.adapters.sqlite.store import SqliteStore
from services.metadata.application.clock import moment, utc_now
from services.metadata.application.ports import SegmentQuery, Tables
from services.metadata.domain.flow import parse_flow
from services.metadata.domain.jsons import ENCODE
from services.metadata.domain.object import MediaObject, State
from services.metadata.domain.segment import Segment
from services.shared.ids import new_object_id
from services.shared.timerange import ETERNITY, NS, TimeRange

# Segments there from the start, segments of a page, and of a bulk registration.
FILLED: Final = 10_000
PAGE: Final = 300
BULK: Final = 100


class Engine:
    """The tables, called without rules, on a database of their own."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._flow_id = str(uuid.uuid4())
        self._seconds = count()
        self._reserved: list[MediaObject] = []

    async def prepare(self) -> None:
        """A flow with segments."""
        flow = parse_flow(corpus.flow_document(self._flow_id))
        await self._store.write(lambda tables: tables.flows.put(flow, ENCODE(flow.members)))
        await self.reserve(FILLED)
        for _ in range(FILLED // BULK):
            await self.insert(BULK)

    async def reserve(self, number: int) -> None:
        """Objects for segments to come."""
        ids = [new_object_id() for _ in range(number)]
        objects = [
            MediaObject(one, STORAGE_ID, f"bench/{one}", State.ALLOCATED, self._flow_id) for one in ids
        ]
        await self._store.write(lambda tables: tables.objects.add(objects))
        self._reserved += objects

    async def get(self) -> None:
        """One flow."""
        await self._store.read(lambda tables: tables.flows.get(self._flow_id))

    async def page(self) -> None:
        """One page."""
        query = SegmentQuery(self._flow_id, ETERNITY)
        await self._store.read(lambda tables: tables.segments.page(query, PAGE))

    async def insert(self, number: int) -> None:
        """New segments, each of one second, with all that registering them looks up and changes."""
        objects = [self._reserved.pop() for _ in range(number)]
        segments = [(_segment(next(self._seconds), one.id), one) for one in objects]
        await self._store.write(lambda tables: self._insert(tables, segments))

    def _insert(self, tables: Tables, segments: list[tuple[Segment, MediaObject]]) -> None:
        flow = tables.flows.get(self._flow_id)
        if flow is None:
            raise RuntimeError("the flow is gone")
        known = tables.objects.get_many([one.id for _, one in segments])
        tables.segments.occupied(self._flow_id, [segment.timerange for segment, _ in segments])
        tables.objects.register(known, self._flow_id)
        tables.segments.insert(flow.timeline, segments, moment(utc_now).text)


def _segment(second: int, object_id: str) -> Segment:
    timerange = TimeRange(second * NS, (second + 1) * NS)
    return Segment(object_id, timerange, sample_count=25, key_frame_count=1)
