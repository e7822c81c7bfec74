"""The media service with the real metadata service: allocation, measurement and reclaim of objects."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from tams.media.v1.storage_service_pb2 import AllocatedObject, AllocateStorageRequest, ObjectIds
from tams.metadata.v1.flow_service_pb2 import DeleteFlowRequest
from tams.metadata.v1.flow_service_pb2_grpc import FlowServiceStub
from tams.metadata.v1.object_service_pb2 import GetObjectRequest
from tams.metadata.v1.object_service_pb2_grpc import ObjectServiceStub
from tams.metadata.v1.segment_service_pb2 import DeleteSegmentsRequest
from tams.metadata.v1.segment_service_pb2_grpc import SegmentServiceStub
from tams.metadata.v1.trash_pb2 import DeleteOptions
from tams.metadata.v1.trash_service_pb2 import ListTrashRequest, PurgeEntryRequest
from tams.metadata.v1.trash_service_pb2_grpc import TrashServiceStub
from tams.type.v1.timerange_pb2 import TimeRange

from services.media.adapters.s3.storage import S3Storage
from services.media.adapters.storage_config import read_storage_backends
from services.shared.errors import AlreadyExists, InvalidArgument, NotFound
from services.shared.rpc.client import call
from services.shared.rpc.server import RpcServer
from tests.rpc.media.conftest import Serve
from tests.support.processes.polling import until
from tests.support.rpc.messages import create_in, new_segment
from tests.support.services.metadata import metadata_channel, put_flow, running_metadata
from tests.support.storage.seaweedfs import write_storage_config

FLOW = "10000000-0000-4000-8000-000000000001"


@pytest.fixture
async def metadata(tmp_path: Path) -> AsyncIterator[RpcServer]:
    async with running_metadata(tmp_path) as server:
        yield server


def put_headers(allocated: AllocatedObject) -> dict[str, str]:
    return {"Content-Type": allocated.content_type, **allocated.headers}


async def test_a_registered_object_gets_its_size(
    serve: Serve, backend: dict[str, Any], metadata: RpcServer, http: httpx.AsyncClient
) -> None:
    address = f"127.0.0.1:{metadata.port}"
    async with (
        serve(backend, metadata_address=address) as media,
        metadata_channel(metadata.port) as channel,
    ):
        await put_flow(channel, FLOW, container="video/mp2t")
        (allocated,) = (
            await call(media.stub.AllocateStorage, AllocateStorageRequest(flow_id=FLOW, limit=1))
        ).objects
        put = await http.put(allocated.put_url, content=b"x" * 4321, headers=put_headers(allocated))
        assert put.status_code == 200
        segment = new_segment(0, 1_000_000_000, allocated.object_id, urls=[])
        registered = await call(SegmentServiceStub(channel).CreateSegments, create_in(FLOW, segment))
        assert not registered.failures
        objects = ObjectServiceStub(channel)

        async def measured() -> bool:
            reply = await call(objects.GetObject, GetObjectRequest(id=allocated.object_id))
            return reply.object.size == 4321

        await until(measured)


async def test_an_id_is_allocated_only_once(
    serve: Serve, backend: dict[str, Any], metadata: RpcServer
) -> None:
    address = f"127.0.0.1:{metadata.port}"
    async with (
        serve(backend, metadata_address=address) as media,
        metadata_channel(metadata.port) as channel,
    ):
        await put_flow(channel, FLOW)
        request = AllocateStorageRequest(flow_id=FLOW, object_ids=ObjectIds(ids=["a/b"]))
        await call(media.stub.AllocateStorage, request)
        with pytest.raises(AlreadyExists):
            await call(media.stub.AllocateStorage, request)


async def test_only_unreferenced_objects_are_reclaimed(
    serve: Serve, backend: dict[str, Any], metadata: RpcServer, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    address = f"127.0.0.1:{metadata.port}"
    config = write_storage_config(tmp_path / "looking.json", backend)
    options = {"reclaim_unregistered_seconds": -1, "reclaim_idle_seconds": 0.05}
    async with (
        serve(backend, metadata_address=address, reclaim_unreferenced_seconds=-1, **options) as media,
        metadata_channel(metadata.port) as channel,
    ):
        await put_flow(channel, FLOW, container="video/mp2t")
        request = AllocateStorageRequest(flow_id=FLOW, limit=3)
        referenced, unreferenced, unregistered = (await call(media.stub.AllocateStorage, request)).objects
        for allocated in (referenced, unreferenced, unregistered):
            put = await http.put(allocated.put_url, content=b"x", headers=put_headers(allocated))
            assert put.status_code == 200
        segments = SegmentServiceStub(channel)
        ranges = [(referenced, 0, 10), (unreferenced, 10, 20), (referenced, 20, 30)]
        new = [new_segment(start, end, allocated.object_id, urls=[]) for allocated, start, end in ranges]
        await call(segments.CreateSegments, create_in(FLOW, *new))
        deletion = DeleteSegmentsRequest(flow_id=FLOW, timerange=TimeRange(start_ns=10, end_ns=30))
        await call(segments.DeleteSegments, deletion)
        storage = S3Storage(next(iter(read_storage_backends(config))), threads=1)
        paths = [
            allocated.put_url.split("?")[0].split("/", 4)[4]
            for allocated in (referenced, unreferenced, unregistered)
        ]
    try:
        assert [await storage.size(path) for path in paths] == [1, 1, 1]
        async with serve(backend, metadata_address=address, reclaim_unreferenced_seconds=0, **options):

            async def deleted() -> bool:
                return await storage.size(paths[1]) is None

            await until(deleted)
        assert [await storage.size(path) for path in paths] == [1, None, 1]
    finally:
        storage.close()


async def test_purged_segments_release_their_bytes(
    serve: Serve, backend: dict[str, Any], metadata: RpcServer, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    address = f"127.0.0.1:{metadata.port}"
    config = write_storage_config(tmp_path / "looking.json", backend)
    options = {"reclaim_unregistered_seconds": -1, "reclaim_idle_seconds": 0.05}
    async with (
        serve(backend, metadata_address=address, reclaim_unreferenced_seconds=0, **options) as media,
        metadata_channel(metadata.port) as channel,
    ):
        await put_flow(channel, FLOW, container="video/mp2t")
        request = AllocateStorageRequest(flow_id=FLOW, limit=2)
        allocated = (await call(media.stub.AllocateStorage, request)).objects
        for one in allocated:
            put = await http.put(one.put_url, content=b"x", headers=put_headers(one))
            assert put.status_code == 200
        segments = [
            new_segment(10 * number, 10 * number + 10, one.object_id, urls=[])
            for number, one in enumerate(allocated)
        ]
        await call(SegmentServiceStub(channel).CreateSegments, create_in(FLOW, *segments))
        for_good = TimeRange(start_ns=0, end_ns=10)
        soft = DeleteOptions(soft_delete=True)
        flow = DeleteFlowRequest(id=FLOW, options=soft)
        paths = [one.put_url.split("?")[0].split("/", 4)[4] for one in allocated]
        deletion = DeleteSegmentsRequest(flow_id=FLOW, timerange=for_good)
        storage = S3Storage(next(iter(read_storage_backends(config))), threads=1)
        try:
            await call(SegmentServiceStub(channel).DeleteSegments, deletion)
            await call(FlowServiceStub(channel).DeleteFlow, flow)

            async def is_gone(path: str) -> bool:
                return await storage.size(path) is None

            # When the first object is gone, the worker has seen the second one too, and left it.
            await until(partial(is_gone, paths[0]))
            assert await storage.size(paths[1]) == 1
            trash = TrashServiceStub(channel)
            (entry,) = (await call(trash.ListTrash, ListTrashRequest(flow_id=FLOW))).entries
            await call(trash.PurgeEntry, PurgeEntryRequest(id=entry.id))
            await until(partial(is_gone, paths[1]))
        finally:
            storage.close()


async def test_an_invalid_allocation_is_refused_with_a_reason(
    serve: Serve, backend: dict[str, Any], metadata: RpcServer
) -> None:
    unknown_flow = "00000000-0000-4000-8000-000000000000"
    invalid: list[dict[str, Any]] = [
        *({"flow_id": flow_id, "limit": 1} for flow_id in ("", "x", "\0", "../x", "x" * 5000, unknown_flow)),
        *({"flow_id": FLOW, "object_ids": ObjectIds(ids=ids)} for ids in ([""], ["a", "a"], ["x" * 1025])),
        *({"flow_id": FLOW, "limit": limit} for limit in (-1, -(2**31))),
        *({"flow_id": FLOW, "storage_id": storage_id} for storage_id in ("", "x", "\0", "../x", "x" * 5000)),
    ]
    async with (
        serve(backend, metadata_address=f"127.0.0.1:{metadata.port}") as media,
        metadata_channel(metadata.port) as channel,
    ):
        await put_flow(channel, FLOW, container="video/mp2t")
        for members in invalid:
            with pytest.raises((InvalidArgument, NotFound)) as raised:
                await call(media.stub.AllocateStorage, AllocateStorageRequest(**members))
            assert raised.value.reason, members
