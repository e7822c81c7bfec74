"""The metadata service over gRPC compared with its engine in this process, without rules.

It has no target. It shows the cost of gRPC and rules, and the part of the engine.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from google.protobuf.message import Message
from grpc import aio
from tams.metadata.v1.flow_service_pb2 import GetFlowRequest
from tams.metadata.v1.segment_service_pb2 import ListSegmentsRequest

from bench import corpus, load
from bench.benchmarks import Options
from bench.corpus import Metadata
from bench.figure import Figure
from bench.floor.engine import BULK, FILLED, PAGE, Engine
from bench.load import Plan
from bench.running.processes import Process
from bench.running.system import running_metadata
from services.metadata.adapters.sqlite.store import open_store

_CALLERS: Final = 16
# Operations of a round: enough for a steady mean, and few enough for writes to end in one or two seconds.
_READS: Final = 2000
_PAGES: Final = 300
_WRITES: Final = 2000
_BULKS: Final = 100


@dataclass(frozen=True)
class Operation:
    """An operation in this process, and the messages of a round of calls."""

    name: str
    times: int
    in_process: Callable[[], Awaitable[object]]
    method: str
    messages: Callable[[int], list[Message]]
    items: int = 1


async def run(options: Options, folder: Path) -> list[Figure]:
    """The CPU time of each operation in the service, as a multiple of that in the engine."""
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
        self._second = FILLED
        self._reserved: list[str] = []

    async def prepare(self) -> None:
        """Create a flow with segments."""
        self._flow_id = await self._metadata.new_flow()
        await self._metadata.fill(self._flow_id, FILLED)

    async def reserve(self, number: int) -> None:
        """Reserve objects for new segments."""
        self._reserved += await self._metadata.reserve(self._flow_id, number)

    def gets(self, number: int) -> list[Message]:
        """Messages of GetFlow."""
        return [GetFlowRequest(id=self._flow_id)] * number

    def pages(self, number: int) -> list[Message]:
        """Messages of ListSegments."""
        return [ListSegmentsRequest(flow_id=self._flow_id, page_size=PAGE)] * number

    def inserts(self, number: int, size: int) -> list[Message]:
        """Messages of CreateSegments, with `size` segments each."""
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
            lambda: engine.insert(BULK),
            corpus.CREATE_SEGMENTS,
            lambda times: remote.inserts(times, BULK),
            items=BULK,
        ),
    ]


class Cost(NamedTuple):
    """The cost of an item in CPU microseconds, and the number of items per second."""

    cpu_us: float
    rate: float


async def _measure(
    operation: Operation, engine: Engine, remote: Remote, process: Process, options: Options
) -> Figure:
    inside: list[Cost] = []
    outside: list[Cost] = []
    for _ in range(options.rounds + 1):
        if operation.method == corpus.CREATE_SEGMENTS:
            await engine.reserve(operation.times * operation.items)
            await remote.reserve(operation.times * operation.items)
        inside.append(await _in_process(operation))
        outside.append(await _over_grpc(operation, process))
    # The first round only warms up.
    pairs = list(zip(outside, inside, strict=True))[1:]
    detail: dict[str, object] = {
        "engine_cpu_us": round(median(floor.cpu_us for _, floor in pairs), 1),
        "service_cpu_us": round(median(over.cpu_us for over, _ in pairs), 1),
        "engine_per_second": round(median(floor.rate for _, floor in pairs), 1),
        "service_per_second": round(median(over.rate for over, _ in pairs), 1),
    }
    value = median(over.cpu_us / floor.cpu_us for over, floor in pairs)
    return Figure(name=f"metadata {operation.name}, CPU", value=value, unit="x engine", detail=detail)


async def _in_process(operation: Operation) -> Cost:
    """The cost with as many callers as over gRPC, so that writes share commits here too."""

    async def caller() -> None:
        for _ in range(operation.times // _CALLERS):
            await operation.in_process()

    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller() for _ in range(_CALLERS)))
    items = operation.times // _CALLERS * _CALLERS * operation.items
    return Cost(
        (time.process_time() - cpu) / items * 1e6,
        items / (time.perf_counter() - started),
    )


async def _over_grpc(operation: Operation, process: Process) -> Cost:
    """The cost with the CPU time of the service only."""
    requests = [message.SerializeToString() for message in operation.messages(operation.times)]
    plan = Plan(
        protocol="rpc", port=process.port, method=operation.method, requests=requests, connections=_CALLERS
    )
    before = process.cpu_seconds()
    outcome = await load.run(plan)
    items = outcome.replies * operation.items
    return Cost((process.cpu_seconds() - before) / items * 1e6, items / outcome.seconds)
