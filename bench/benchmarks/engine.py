"""The metadata service over gRPC against its own engine called in process, without rules.

Informs: it shows what the way there costs, and what is left for the engine to gain.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median
from typing import Final

from google.protobuf.message import Message
from grpc import aio
from tams.metadata.v1.flow_service_pb2 import GetFlowRequest
from tams.metadata.v1.segment_service_pb2 import ListSegmentsRequest

from bench import corpus, load
from bench.benchmarks import Options
from bench.corpus import Metadata
from bench.figure import Figure
from bench.load import Plan
from bench.processes import Process
from bench.system import STORAGE_ID, running_metadata
from services.metadata.adapters.sqlite.store import SqliteStore, open_store
from services.metadata.application.clock import moment, utc_now
from services.metadata.application.ports import SegmentQuery, Tables
from services.metadata.domain.flow import parse_flow
from services.metadata.domain.jsons import ENCODE
from services.metadata.domain.object import MediaObject, State
from services.metadata.domain.segment import Segment
from services.shared.ids import new_object_id
from services.shared.timerange import ETERNITY, NS, TimeRange

_CALLERS: Final = 16
_PAGE: Final = 300
_FILLED: Final = 10_000
_BULK: Final = 100
# Operations a round: enough for a steady mean, few enough that writes stay below a second or two.
_READS: Final = 2000
_PAGES: Final = 300
_WRITES: Final = 2000
_BULKS: Final = 100


@dataclass(frozen=True)
class Operation:
    """One operation both ways: in process, and the messages of a round of calls."""

    name: str
    times: int
    in_process: Callable[[], Awaitable[object]]
    method: str
    messages: Callable[[int], list[Message]]
    items: int = 1


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
        await self.reserve(_FILLED)
        for _ in range(_FILLED // _BULK):
            await self.insert(_BULK)

    async def reserve(self, number: int) -> None:
        """Objects for segments to come."""
        ids = [new_object_id() for _ in range(number)]
        objects = [
            MediaObject(one, STORAGE_ID, f"bench/{one}", State.ALLOCATED, self._flow_id) for one in ids
        ]
        await self._store.write(lambda tables: tables.objects.put(objects))
        self._reserved += objects

    async def get(self) -> None:
        """One flow."""
        await self._store.read(lambda tables: tables.flows.get(self._flow_id))

    async def page(self) -> None:
        """One page."""
        query = SegmentQuery(self._flow_id, ETERNITY)
        await self._store.read(lambda tables: tables.segments.page(query, _PAGE))

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
        changed = [
            one._replace(state=State.REGISTERED, first_referenced_by_flow=self._flow_id)
            for one in known.values()
        ]
        tables.objects.put(changed)
        tables.objects.add_references(self._flow_id, dict.fromkeys(known, 1))
        tables.segments.insert(flow.timeline, segments, moment(utc_now).text)


def _segment(second: int, object_id: str) -> Segment:
    timerange = TimeRange(second * NS, (second + 1) * NS)
    return Segment(object_id, timerange, sample_count=25, key_frame_count=1)


async def run(options: Options, folder: Path) -> list[Figure]:
    """Operations per second over gRPC, and in process beside them."""
    (folder / "engine").mkdir()
    store = open_store(folder / "engine" / "tams.db", "FULL", 10_000)
    async with store as opened, running_metadata(folder) as process:
        engine = Engine(opened)
        await engine.prepare()
        async with aio.insecure_channel(f"127.0.0.1:{process.port}") as channel:
            remote = Remote(Metadata(channel))
            await remote.prepare()
            return [
                await _measure(operation, engine, remote, process, options)
                for operation in _operations(engine, remote)
            ]


class Remote:
    """Messages for the running service."""

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata
        self._second = _FILLED
        self._reserved: list[str] = []

    async def prepare(self) -> None:
        """A flow with segments."""
        self._flow_id = await self._metadata.new_flow()
        await self._metadata.fill(self._flow_id, _FILLED)

    async def reserve(self, number: int) -> None:
        """Objects for segments to come."""
        self._reserved += await self._metadata.reserve(self._flow_id, number)

    def gets(self, number: int) -> list[Message]:
        """Calls of GetFlow."""
        return [GetFlowRequest(id=self._flow_id)] * number

    def pages(self, number: int) -> list[Message]:
        """Calls of ListSegments."""
        return [ListSegmentsRequest(flow_id=self._flow_id, page_size=_PAGE)] * number

    def inserts(self, number: int, size: int) -> list[Message]:
        """Calls of CreateSegments with that many segments each."""
        messages: list[Message] = []
        for _ in range(number):
            ids = [self._reserved.pop() for _ in range(size)]
            messages.append(corpus.create_request(self._flow_id, self._second, ids))
            self._second += size
        return messages


def _operations(engine: Engine, remote: Remote) -> list[Operation]:
    return [
        Operation("GetFlow", _READS, engine.get, corpus.GET_FLOW, remote.gets),
        Operation("ListSegments, 300", _PAGES, engine.page, corpus.LIST_SEGMENTS, remote.pages),
        Operation(
            "CreateSegments, 1",
            _WRITES,
            lambda: engine.insert(1),
            corpus.CREATE_SEGMENTS,
            lambda times: remote.inserts(times, 1),
        ),
        Operation(
            "CreateSegments, 100",
            _BULKS,
            lambda: engine.insert(_BULK),
            corpus.CREATE_SEGMENTS,
            lambda times: remote.inserts(times, _BULK),
            items=_BULK,
        ),
    ]


async def _measure(
    operation: Operation, engine: Engine, remote: Remote, process: Process, options: Options
) -> Figure:
    inside, outside, cpu = [], [], []
    for number in range(options.rounds + 1):
        if operation.method == corpus.CREATE_SEGMENTS:
            await engine.reserve(operation.times * operation.items)
            await remote.reserve(operation.times * operation.items)
        in_process = await _in_process(operation)
        rate, cpu_us = await _over_grpc(operation, process)
        if number:
            inside.append(in_process)
            outside.append(rate)
            cpu.append(cpu_us)
    detail: dict[str, object] = {
        "in_process_us": round(1e6 / median(inside), 1),
        "service_cpu_us": round(median(cpu), 1),
        "grpc_per_second": round(median(outside), 1),
    }
    value = median(over / floor for over, floor in zip(outside, inside, strict=True))
    return Figure(name=f"{operation.name}: gRPC, 16 callers", value=value, unit="x in process", detail=detail)


async def _in_process(operation: Operation) -> float:
    """Items per second with as many callers as over gRPC, so that writes share commits there too."""

    async def caller() -> None:
        for _ in range(operation.times // _CALLERS):
            await operation.in_process()

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(_CALLERS)))
    done = operation.times // _CALLERS * _CALLERS
    return done * operation.items / (time.perf_counter() - started)


async def _over_grpc(operation: Operation, process: Process) -> tuple[float, float]:
    """Items per second, and the service's CPU microseconds an item."""
    requests = [message.SerializeToString() for message in operation.messages(operation.times)]
    plan = Plan(
        protocol="rpc",
        port=process.port,
        method=operation.method,
        requests=requests,
        connections=_CALLERS,
    )
    before = process.cpu_seconds()
    outcome = await load.run(plan)
    cpu = process.cpu_seconds() - before
    items = outcome.replies * operation.items
    return items / outcome.seconds, cpu / items * 1e6
