"""Pages of 300 segments from one and from two metadata processes on VAST.

The machine has too few cores for two processes, callers and the database at full speed. So the figure is made
of CPU time, which other load changes little: how many more pages two processes serve if each has a core. The
busier of the two is full first.
"""

import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from typing import Final

from grpc import aio
from tams.metadata.v1 import segment_service_pb2
from tams.metadata.v1.segment_service_pb2 import ListSegmentsRequest
from tams.metadata.v1.segment_service_pb2_grpc import SegmentServiceStub
from tams.type.v1.timerange_pb2 import TimeRange

from bench.benchmarks import Options
from bench.corpus import Metadata
from bench.figure import AtLeast, Figure
from bench.floor.vast import environment, running_vast
from bench.running.processes import Process
from bench.running.system import running_metadata
from services.shared.rpc.client import call, open_channel
from services.shared.timerange import NS

_SEGMENTS: Final = 10_000
_PAGE: Final = 300
_CALLERS: Final = 16
_PAGES: Final = 600
_SERVICE: Final = segment_service_pb2.DESCRIPTOR.services_by_name["SegmentService"]


async def run(options: Options, folder: Path) -> list[Figure]:
    """The figure, from alternated rounds."""
    with running_vast(folder) as (address, server):
        await server.listening()
        async with AsyncExitStack() as stack:
            both = []
            for name in ("first", "second"):
                (folder / name).mkdir()
                started = running_metadata(folder / name, environment(address))
                both.append(await stack.enter_async_context(started))
            async with aio.insecure_channel(f"127.0.0.1:{both[0].port}") as channel:
                metadata = Metadata(channel)
                flow_id = await metadata.new_flow()
                await metadata.fill(flow_id, _SEGMENTS)
            return [await _figure(both, flow_id, options)]


async def _figure(both: Sequence[Process], flow_id: str, options: Options) -> Figure:
    alone, busier, rest = [], [], []
    for number in range(options.rounds + 1):
        one = await _cpu_ms_of_a_page(both[number % 2 :][:1], flow_id)
        two = await _cpu_ms_of_a_page(both, flow_id)
        if number:  # the first round warms up
            alone.append(one[0])
            busier.append(max(two))
            rest.append(min(two))
    return Figure(
        name="VAST: pages of 300 segments, two metadata processes against one, by CPU",
        value=median(one / two for one, two in zip(alone, busier, strict=True)),
        unit="x",
        target=AtLeast(1.6),
        detail={"cpu_ms_of_a_page": {"one": alone, "busier_of_two": busier, "other_of_two": rest}},
    )


async def _cpu_ms_of_a_page(replicas: Sequence[Process], flow_id: str) -> list[float]:
    """The CPU time of each process in ms, for each page that all of them served."""
    address = "ipv4:" + ",".join(f"127.0.0.1:{replica.port}" for replica in replicas)
    async with open_channel(address, [_SERVICE]) as channel:
        # All of them are connected before they are measured.
        await _read(channel, flow_id, _PAGES // 10)
        before = [replica.cpu_seconds() for replica in replicas]
        await _read(channel, flow_id, _PAGES)
        after = [replica.cpu_seconds() for replica in replicas]
    return [round((end - start) / _PAGES * 1000, 3) for start, end in zip(before, after, strict=True)]


async def _read(channel: aio.Channel, flow_id: str, pages: int) -> None:
    stub = SegmentServiceStub(channel)
    numbers = iter(range(pages))

    async def read_pages() -> None:
        for _ in numbers:
            start = random.randrange(_SEGMENTS - _PAGE) * NS
            request = ListSegmentsRequest(
                flow_id=flow_id, timerange=TimeRange(start_ns=start), page_size=_PAGE
            )
            await call(stub.ListSegments, request, timeout=60)

    await asyncio.gather(*(read_pages() for _ in range(_CALLERS)))
