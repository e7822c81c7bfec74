"""Media and the real metadata service: from allocation to a measured object."""

import pytest
from tams.media.v1.storage_service_pb2 import AllocateStorageRequest, ObjectIds
from tams.metadata.v1.object_service_pb2 import GetObjectRequest
from tams.metadata.v1.object_service_pb2_grpc import ObjectServiceStub
from tams.metadata.v1.segment_pb2 import NewSegment
from tams.metadata.v1.segment_service_pb2 import CreateSegmentsRequest, DeleteSegmentsRequest
from tams.metadata.v1.segment_service_pb2_grpc import SegmentServiceStub
from tams.type.v1.timerange_pb2 import TimeRange

from services.media.adapters.s3 import S3Storage
from services.media.adapters.storage_config import read_storage_backends
from services.shared.errors import AlreadyExists
from services.shared.rpc.client import call
from tests.support.metadata_service import metadata_channel, put_flow, running_metadata
from tests.support.polling import until
from tests.support.seaweedfs import write_storage_config

FLOW = "10000000-0000-4000-8000-000000000001"


@pytest.fixture
async def metadata(tmp_path):
    async with running_metadata(tmp_path) as server:
        yield server


async def test_a_registered_object_gets_its_size(serve, backend, metadata, http):
    address = f"127.0.0.1:{metadata.port}"
    async with (
        serve(backend, metadata_address=address) as media,
        metadata_channel(metadata.port) as channel,
    ):
        await put_flow(channel, FLOW, container="video/mp2t")
        (one,) = (
            await call(media.stub.AllocateStorage, AllocateStorageRequest(flow_id=FLOW, limit=1))
        ).objects
        put = await http.put(one.put_url, content=b"x" * 4321, headers={"Content-Type": one.content_type})
        assert put.status_code == 200
        segment = NewSegment(object_id=one.object_id, timerange=TimeRange(start_ns=0, end_ns=1_000_000_000))
        registered = await call(
            SegmentServiceStub(channel).CreateSegments,
            CreateSegmentsRequest(flow_id=FLOW, segments=[segment]),
        )
        assert not registered.failures
        objects = ObjectServiceStub(channel)

        async def measured():
            reply = await call(objects.GetObject, GetObjectRequest(id=one.object_id))
            return reply.object.size == 4321

        await until(measured)


async def test_an_id_is_given_once(serve, backend, metadata):
    address = f"127.0.0.1:{metadata.port}"
    async with (
        serve(backend, metadata_address=address) as media,
        metadata_channel(metadata.port) as channel,
    ):
        await put_flow(channel, FLOW)
        asked = AllocateStorageRequest(flow_id=FLOW, object_ids=ObjectIds(ids=["a/b"]))
        await call(media.stub.AllocateStorage, asked)
        with pytest.raises(AlreadyExists):
            await call(media.stub.AllocateStorage, asked)


async def test_bytes_go_when_nobody_uses_them_and_stay_while_somebody_does(
    serve, backend, metadata, http, tmp_path
):
    address = f"127.0.0.1:{metadata.port}"
    config = write_storage_config(tmp_path / "looking.json", backend)
    options = {"reclaim_unregistered_seconds": -1, "reclaim_idle_seconds": 0.05}
    async with (
        serve(backend, metadata_address=address, reclaim_unreferenced_seconds=-1, **options) as media,
        metadata_channel(metadata.port) as channel,
    ):
        await put_flow(channel, FLOW, container="video/mp2t")
        asked = AllocateStorageRequest(flow_id=FLOW, limit=3)
        kept, gone, waiting = (await call(media.stub.AllocateStorage, asked)).objects
        for one in (kept, gone, waiting):
            put = await http.put(one.put_url, content=b"x", headers={"Content-Type": one.content_type})
            assert put.status_code == 200
        segments = SegmentServiceStub(channel)
        ranges = [(kept, 0, 10), (gone, 10, 20), (kept, 20, 30)]
        new = [
            NewSegment(object_id=one.object_id, timerange=TimeRange(start_ns=start, end_ns=end))
            for one, start, end in ranges
        ]
        await call(segments.CreateSegments, CreateSegmentsRequest(flow_id=FLOW, segments=new))
        deletion = DeleteSegmentsRequest(flow_id=FLOW, timerange=TimeRange(start_ns=10, end_ns=30))
        await call(segments.DeleteSegments, deletion)
        storage = S3Storage(next(iter(read_storage_backends(config))), threads=1)
        stored = [one.put_url.split("?")[0].split("/", 4)[4] for one in (kept, gone, waiting)]
    try:
        assert [await storage.size(path) for path in stored] == [1, 1, 1]
        async with serve(backend, metadata_address=address, reclaim_unreferenced_seconds=0, **options):

            async def deleted():
                return await storage.size(stored[1]) is None

            await until(deleted)
        assert [await storage.size(path) for path in stored] == [1, None, 1]
    finally:
        storage.close()
