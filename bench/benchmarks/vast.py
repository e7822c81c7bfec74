"""The VAST engine compared with the SDK used as in its documentation, and with the SQLite engine.

The database is the protocol server of the tests, in a process of its own. A real cluster has other response
times, but the work of the client and the number of requests are the same.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from statistics import median
from typing import Final

import psutil
import pyarrow as pa

from bench import corpus
from bench.benchmarks import Options
from bench.figure import AtLeast, AtMost, Figure
from bench.floor.vast import Naive, cluster, environment, running_vast
from bench.running import processes
from bench.running.system import serving
from services.metadata.adapters.sqlite.store import open_store
from services.metadata.adapters.vast.schema import TABLES
from services.metadata.adapters.vast.store import VastStore, open_vast_store
from services.metadata.application.clock import utc_now
from services.metadata.application.deletion_requests import Deletions
from services.metadata.application.flows.flows import Flows, GetFlow
from services.metadata.application.ports import Store
from services.metadata.application.segments.segments import Registration, Segments
from services.metadata.domain.objects.external_url import ExternalUrl
from services.metadata.domain.segments.segment import Segment
from services.shared import freshness
from services.shared.ids import new_object_id
from services.shared.process.memory import tune_collector
from services.shared.timerange import NS, TimeRange
from tests.support.processes.ports import free_ports

_CALLERS: Final = 64
_FLOWS: Final = 1000
_READS: Final = 60
_CACHED: Final = 20_000
_POSTS: Final = 640
_NAIVE_POSTS: Final = 40
_BULK: Final = 10_000
_SLICE: Final = 1000


class Side:
    """The rules on an engine."""

    def __init__(self, store: Store, flow_ids: list[str]) -> None:
        deletions = Deletions(store, utc_now, 1.0)
        self.flows = Flows(store, utc_now, deletions)
        self.segments = Segments(store, utc_now, deletions)
        self.flow_ids = flow_ids
        self._seconds = count()

    async def prepare(self) -> None:
        """Store the flows."""
        for first in range(0, len(self.flow_ids), _CALLERS):
            await asyncio.gather(*map(self._put, self.flow_ids[first : first + _CALLERS]))

    async def read(self, number: int) -> None:
        """Read a flow, each time another one."""
        freshness.recent_rows.set(None)  # as at the start of each call of a server
        await self.flows.get(GetFlow(self.flow_ids[number % len(self.flow_ids)]))

    async def post(self, number: int) -> None:
        """Register a segment, each time in another flow."""
        failed = await self.segments.create(Registration(self.flow_ids[number % _CALLERS], [self.segment()]))
        if failed:
            raise RuntimeError(str(failed[0].error))

    def segment(self) -> Segment[str]:
        """The next segment."""
        second = next(self._seconds)
        urls = (ExternalUrl(f"https://media.example/{second}"),)
        return Segment(new_object_id(), TimeRange(second * NS, (second + 1) * NS), external_urls=urls)

    async def _put(self, flow_id: str) -> None:
        await self.flows.put(flow_id, corpus.flow_document(flow_id))


async def run(options: Options, folder: Path) -> list[Figure]:
    """All figures."""
    flow_ids = [str(uuid.uuid4()) for _ in range(_FLOWS)]
    tune_collector()  # The service does the same.
    with running_vast(folder) as (address, server):
        await server.listening()
        opening = open_vast_store(
            cluster(address), cache_entries=10_000, cache_seconds=3600, max_waiting=10_000
        )
        async with opening as store, open_store(folder / "tams.db", "FULL", 10_000) as local:
            vast, sqlite = Side(store, flow_ids), Side(local, flow_ids)
            await vast.prepare()
            await sqlite.prepare()
            naive = Naive(address)
            figures = [
                await _uncached(store, vast, naive, options),
                await _cached(vast, sqlite, options),
                await _posts(vast, naive, options),
                await _bulk(vast, naive, options),
            ]
        figures.append(await _memory(environment(address), folder))
    return figures


async def _uncached(store: VastStore, vast: Side, naive: Naive, options: Options) -> Figure:
    async def engine_rate() -> float:
        store.cache.clear()
        return await _rate(_READS * 10, _CALLERS, vast.read)

    async def floor_rate() -> float:
        return await asyncio.to_thread(_loop_rate, _READS, lambda n: naive.read_flow(vast.flow_ids[n]))

    return await _compared(
        "VAST: flow reads, not cached, 64 callers", engine_rate, floor_rate, AtLeast(2), options
    )


async def _cached(vast: Side, sqlite: Side, options: Options) -> Figure:
    for number in range(_FLOWS):
        await vast.read(number)
    name = "VAST: flow reads from the cache, against SQLite"
    return await _compared(
        name,
        lambda: _rate(_CACHED, 1, vast.read),
        lambda: _rate(_CACHED, 1, sqlite.read),
        AtLeast(0.9),
        options,
    )


async def _posts(vast: Side, naive: Naive, options: Options) -> Figure:
    seconds = count(10**9)

    def write_segment(number: int) -> None:
        segment, media = _rows(1, next(seconds))
        naive.write_segment(vast.flow_ids[_CALLERS + number], segment, media)

    async def floor_rate() -> float:
        return await asyncio.to_thread(_loop_rate, _NAIVE_POSTS, write_segment)

    name = "VAST: single segments, 64 callers, against a transaction for each"
    return await _compared(name, lambda: _rate(_POSTS, _CALLERS, vast.post), floor_rate, AtLeast(20), options)


async def _bulk(vast: Side, naive: Naive, options: Options) -> Figure:
    flow_ids = iter(vast.flow_ids[2 * _CALLERS :])
    first = count(10**10, _BULK)

    async def engine_rate() -> float:
        segments = [vast.segment() for _ in range(_BULK)]
        started = time.perf_counter()
        failed = await vast.segments.create(Registration(next(flow_ids), segments))
        if failed:
            raise RuntimeError(str(failed[0].error))
        return _BULK / (time.perf_counter() - started)

    async def floor_rate() -> float:
        started = time.perf_counter()
        segments, media = _rows(_BULK, next(first))
        for table, rows in (("segments", segments), ("objects", media)):
            slices = [rows.slice(at, _SLICE) for at in range(0, _BULK, _SLICE)]
            await asyncio.to_thread(naive.insert, table, slices)
        return _BULK / (time.perf_counter() - started)

    name = "VAST: 10,000 segments in one call, against bare inserts of 1,000 rows built from the same"
    return await _compared(name, engine_rate, floor_rate, AtLeast(0.8), options)


async def _memory(env: dict[str, str], folder: Path) -> Figure:
    (port,) = free_ports(1)
    settings = {**env, "TAMS_METADATA_PORT": str(port)}
    with processes.running("metadata", port, ["services.metadata"], folder, settings) as process:
        await serving(process)
        resident = psutil.Process(process.popen.pid).memory_info().rss / 1e6
    return Figure(name="VAST: resident memory of metadata", value=resident, unit="MB", target=AtMost(350))


async def _compared(
    name: str,
    engine_rate: Callable[[], Awaitable[float]],
    floor_rate: Callable[[], Awaitable[float]],
    target: AtLeast,
    options: Options,
) -> Figure:
    """The median of the ratios of alternated rounds, after a warm-up round."""
    await engine_rate()
    await floor_rate()
    pairs = [(await floor_rate(), await engine_rate()) for _ in range(options.rounds)]
    detail = {
        "per_second": round(median(rate for _, rate in pairs), 1),
        "floor_per_second": round(median(floor for floor, _ in pairs), 1),
    }
    ratio = median(rate / floor for floor, rate in pairs)
    return Figure(name=name, value=ratio, unit="x", target=target, detail=detail)


async def _rate(times: int, callers: int, work: Callable[[int], Awaitable[None]]) -> float:
    """Calls per second, with the given number of callers at a time."""
    numbers = iter(range(times))

    async def caller() -> None:
        for number in numbers:
            await work(number)

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return times / (time.perf_counter() - started)


def _loop_rate(times: int, work: Callable[[int], object]) -> float:
    started = time.perf_counter()
    for number in range(times):
        work(number)
    return times / (time.perf_counter() - started)


def _rows(number: int, first: int) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Rows of segments and of their objects, as the engine writes them."""
    ids = [uuid.uuid4().hex for _ in range(number)]
    seconds = range(first, first + number)
    segments = [
        {
            "flow": 1, "start_ns": second * 1000, "end_ns": (second + 1) * 1000, "end_inclusive": False,
            "object_id": object_id, "external_urls": b'[{"url":"https://media.example/%d"}]' % second,
            "doc": b'{"object_id":"%b","timerange":"[%d:0_%d:0)","ts_offset":"0:0"}'
            % (object_id.encode(), second, second + 1),
        }
        for object_id, second in zip(ids, seconds, strict=True)
    ]  # fmt: skip
    media = [{"id": object_id, "state": "registered", "created_ms": 0, "changed_ms": 0} for object_id in ids]
    return (
        pa.RecordBatch.from_pylist(segments, TABLES["segments"].columns),
        pa.RecordBatch.from_pylist(media, TABLES["objects"].columns),
    )
