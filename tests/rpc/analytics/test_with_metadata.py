"""Analytics reads the tables of a metadata service that runs in a process of its own."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from grpc import aio
from tams.analytics.v1.usage_service_pb2 import StorageUsage
from tams.metadata.v1.flow_service_pb2 import DeleteFlowRequest
from tams.metadata.v1.flow_service_pb2_grpc import FlowServiceStub
from tams.metadata.v1.object_pb2 import ObjectLocation
from tams.metadata.v1.object_service_pb2 import ObjectSize, RecordObjectSizesRequest, ReserveObjectsRequest
from tams.metadata.v1.object_service_pb2_grpc import ObjectServiceStub
from tams.metadata.v1.segment_service_pb2 import DeleteSegmentsRequest
from tams.metadata.v1.segment_service_pb2_grpc import SegmentServiceStub
from tams.metadata.v1.trash_pb2 import DeleteOptions
from tams.metadata.v1.trash_service_pb2 import RestoreFlowRequest
from tams.metadata.v1.trash_service_pb2_grpc import TrashServiceStub
from tams.type.v1.timerange_pb2 import TimeRange

from services.shared.rpc.client import call
from services.shared.timerange import NS
from tests.rpc.analytics.conftest import serving_analytics
from tests.support.metadata.flows import flow_id
from tests.support.processes.health import until_serving
from tests.support.processes.polling import until
from tests.support.processes.ports import free_ports
from tests.support.rpc.messages import create_in, new_segment
from tests.support.services.metadata import metadata_channel, put_flow

FLOW = flow_id(1)
STORAGE = "5d1f6a2e-0000-4000-8000-00000000000a"


@asynccontextmanager
async def metadata_process(path: Path) -> AsyncIterator[aio.Channel]:
    """A channel to a metadata service in a process of its own."""
    (port,) = free_ports(1)
    environment = {
        "TAMS_STORE_URL": f"sqlite:///{path}",
        "TAMS_METADATA_PORT": str(port),
        "TAMS_LOG_LEVEL": "error",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.metadata",
        env=os.environ | environment | {"TAMS_METADATA_DRAIN_SECONDS": "0"},
    )
    try:
        await until_serving(port)
        async with metadata_channel(port) as channel:
            yield channel
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


async def register(channel: aio.Channel, names: list[str], start: int) -> None:
    """Register an object for each name, of 100 bytes and one second of the flow."""
    objects = ObjectServiceStub(channel)
    locations = [ObjectLocation(object_id=name, storage_id=STORAGE, storage_path=name) for name in names]
    await call(objects.ReserveObjects, ReserveObjectsRequest(flow_id=FLOW, objects=locations))
    segments = [
        new_segment(second * NS, (second + 1) * NS, name, urls=[]) for second, name in enumerate(names, start)
    ]
    stub = SegmentServiceStub(channel)
    created = await call(stub.CreateSegments, create_in(FLOW, *segments))
    assert not created.failures
    sizes = [ObjectSize(object_id=name, size=100) for name in names]
    await call(objects.RecordObjectSizes, RecordObjectSizesRequest(objects=sizes))


async def test_analytics_reads_the_tables_of_metadata_and_continues_without_it(path: Path) -> None:
    async with serving_analytics(path) as service:
        async with metadata_process(path) as channel:
            await until(service.serving)
            assert await service.usage() == []
            await put_flow(channel, FLOW)
            await register(channel, ["a", "b"], 0)
            await register(channel, ["c"], 5)
            for _ in range(2):
                coverage = await service.coverage(FLOW)
                assert (coverage.segment_count, coverage.covered_ns, coverage.gap_ns) == (3, 3 * NS, 3 * NS)
                coverage = await service.coverage(FLOW, NS // 2, NS)
                assert (coverage.segment_count, coverage.covered_ns) == (1, NS // 2)
        # Metadata removes the write-ahead log when it stops, and the tables stay readable.
        assert await service.serving()
        assert (await service.coverage(FLOW)).segment_count == 3
        assert await service.usage() == [
            StorageUsage(storage_id=STORAGE, objects=3, measured_objects=3, bytes=300)
        ]


async def test_what_is_in_the_trash_is_not_counted(path: Path) -> None:
    async with serving_analytics(path) as service, metadata_process(path) as channel:
        await until(service.serving)
        await put_flow(channel, FLOW)
        await register(channel, ["a", "b"], 0)
        within = TimeRange(start_ns=0, end_ns=NS)
        options = DeleteOptions(soft_delete=True)
        await call(
            SegmentServiceStub(channel).DeleteSegments,
            DeleteSegmentsRequest(flow_id=FLOW, timerange=within, options=options),
        )
        counted = StorageUsage(storage_id=STORAGE, objects=1, measured_objects=1, bytes=100)
        assert await service.usage() == [counted]
        assert (await service.coverage(FLOW)).segment_count == 1
        await call(FlowServiceStub(channel).DeleteFlow, DeleteFlowRequest(id=FLOW, options=options))
        assert [usage.objects for usage in await service.usage()] == [0]
        await call(TrashServiceStub(channel).RestoreFlow, RestoreFlowRequest(id=FLOW))
        assert await service.usage() == [counted]


async def test_answers_are_consistent_while_metadata_writes(path: Path) -> None:
    async with serving_analytics(path) as service, metadata_process(path) as channel:
        await until(service.serving)
        await put_flow(channel, FLOW)
        await register(channel, ["first"], 0)

        async def write() -> None:
            for batch in range(20):
                names = [f"{batch}-{n}" for n in range(10)]
                await register(channel, names, 1 + 10 * batch)

        writing = asyncio.create_task(write())
        while not writing.done():
            coverage = await service.coverage(FLOW)
            assert (coverage.covered_ns, coverage.gap_ns) == (coverage.segment_count * NS, 0)
            (usage,) = await service.usage()
            assert usage.bytes == 100 * usage.measured_objects
        await writing
        assert (await service.coverage(FLOW)).segment_count == 201
