"""Analytics beside the service that owns the tables, each in a process of its own as they run for real."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from grpc import aio
from tams.analytics.v1.usage_service_pb2 import StorageUsage
from tams.metadata.v1.object_pb2 import ObjectLocation
from tams.metadata.v1.object_service_pb2 import ObjectSize, RecordObjectSizesRequest, ReserveObjectsRequest
from tams.metadata.v1.object_service_pb2_grpc import ObjectServiceStub
from tams.metadata.v1.segment_pb2 import NewSegment
from tams.metadata.v1.segment_service_pb2 import CreateSegmentsRequest
from tams.metadata.v1.segment_service_pb2_grpc import SegmentServiceStub

from services.shared.rpc.client import call
from services.shared.rpc.timeranges import to_message
from services.shared.timerange import NS, TimeRange
from tests.rpc.analytics.conftest import serving_analytics
from tests.support.flows import flow_id
from tests.support.health import until_serving
from tests.support.metadata_service import metadata_channel, put_flow
from tests.support.polling import until
from tests.support.ports import free_ports

FLOW = flow_id(1)
STORAGE = "5d1f6a2e-0000-4000-8000-00000000000a"


@asynccontextmanager
async def metadata(path: Path) -> AsyncIterator[aio.Channel]:
    (port,) = free_ports(1)
    names = {
        "TAMS_STORE_URL": f"sqlite:///{path}",
        "TAMS_METADATA_PORT": str(port),
        "TAMS_LOG_LEVEL": "error",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.metadata",
        env=os.environ | names | {"TAMS_METADATA_DRAIN_SECONDS": "0"},
    )
    try:
        await until_serving(port)
        async with metadata_channel(port) as channel:
            yield channel
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


async def register(channel: aio.Channel, names: list[str], start: int) -> None:
    """Objects of 100 bytes each, one second of the flow each."""
    objects = ObjectServiceStub(channel)
    places = [ObjectLocation(object_id=name, storage_id=STORAGE, storage_path=name) for name in names]
    await call(objects.ReserveObjects, ReserveObjectsRequest(flow_id=FLOW, objects=places))
    segments = [
        NewSegment(object_id=name, timerange=to_message(TimeRange(at * NS, (at + 1) * NS)))
        for at, name in enumerate(names, start)
    ]
    stub = SegmentServiceStub(channel)
    created = await call(stub.CreateSegments, CreateSegmentsRequest(flow_id=FLOW, segments=segments))
    assert not created.failures
    sizes = [ObjectSize(object_id=name, size=100) for name in names]
    await call(objects.RecordObjectSizes, RecordObjectSizesRequest(objects=sizes))


async def test_answers_from_what_metadata_wrote_and_goes_on_when_it_stops(path):
    async with serving_analytics(path) as service:
        async with metadata(path) as channel:
            await until(service.serving)
            assert await service.usage() == []
            await put_flow(channel, FLOW)
            await register(channel, ["a", "b"], 0)
            await register(channel, ["c"], 5)
            for _ in range(2):
                found = await service.coverage(FLOW)
                assert (found.segment_count, found.covered_ns, found.gap_ns) == (3, 3 * NS, 3 * NS)
                found = await service.coverage(FLOW, NS // 2, NS)
                assert (found.segment_count, found.covered_ns) == (1, NS // 2)
        # The tables stay when their owner stops, its write-ahead log cleaned up.
        assert await service.serving()
        assert (await service.coverage(FLOW)).segment_count == 3
        assert await service.usage() == [
            StorageUsage(storage_id=STORAGE, objects=3, measured_objects=3, bytes=300)
        ]


async def test_answers_hold_together_while_metadata_writes(path):
    async with serving_analytics(path) as service, metadata(path) as channel:
        await until(service.serving)
        await put_flow(channel, FLOW)
        await register(channel, ["first"], 0)

        async def write() -> None:
            for batch in range(20):
                names = [f"{batch}-{n}" for n in range(10)]
                await register(channel, names, 1 + 10 * batch)

        writing = asyncio.create_task(write())
        while not writing.done():
            found = await service.coverage(FLOW)
            assert (found.covered_ns, found.gap_ns) == (found.segment_count * NS, 0)
            (usage,) = await service.usage()
            assert usage.bytes == 100 * usage.measured_objects
        await writing
        assert (await service.coverage(FLOW)).segment_count == 201
