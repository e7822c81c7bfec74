"""Unused objects over gRPC, with the real metadata service and real object storage."""

from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from grpc import aio
from tams.media.v1.storage_service_pb2 import AllocateStorageRequest
from tams.media.v1.unused_object_service_pb2 import ListUnusedObjectsRequest, ReclaimUnusedObjectsRequest
from tams.media.v1.unused_object_service_pb2_grpc import UnusedObjectServiceStub
from tams.metadata.v1.segment_service_pb2 import DeleteSegmentsRequest
from tams.metadata.v1.segment_service_pb2_grpc import SegmentServiceStub
from tams.type.v1.timerange_pb2 import TimeRange
from tams.type.v1.unused_object_pb2 import UNUSED_CAUSE_UNREFERENCED

from services.media.adapters.s3.storage import S3Storage
from services.media.adapters.storage_config import read_storage_backends
from services.shared.errors import InvalidArgument
from services.shared.rpc.client import call
from services.shared.rpc.server import RpcServer
from tests.rpc.media.conftest import Media, Serve
from tests.support.rpc.messages import OUTSIDE, create_in, new_segment
from tests.support.services.metadata import metadata_channel, put_flow, running_metadata
from tests.support.storage.seaweedfs import write_storage_config

if TYPE_CHECKING:
    from tams.media.v1.unused_object_service_pb2_grpc import UnusedObjectServiceAsyncStub

FLOW = "10000000-0000-4000-8000-000000000001"
ELSEWHERE = "outside"
# The background work runs once, before there are objects.
ON_DEMAND: dict[str, Any] = {
    "reclaim_unreferenced_seconds": 0,
    "reclaim_unregistered_seconds": -1,
    "reclaim_idle_seconds": 3600,
}


@pytest.fixture
async def metadata(tmp_path: Path) -> AsyncIterator[RpcServer]:
    async with running_metadata(tmp_path) as server:
        yield server


async def upload(
    media: Media, http: httpx.AsyncClient, contents: Sequence[bytes]
) -> tuple[list[str], list[str]]:
    """Allocate and upload objects with these bytes; returns their ids and paths."""
    request = AllocateStorageRequest(flow_id=FLOW, limit=len(contents))
    allocated = (await call(media.stub.AllocateStorage, request)).objects
    for one, content in zip(allocated, contents, strict=True):
        headers = {"Content-Type": one.content_type, **one.headers}
        assert (await http.put(one.put_url, content=content, headers=headers)).status_code == 200
    paths = [one.put_url.split("?")[0].split("/", 4)[4] for one in allocated]
    return [one.object_id for one in allocated], paths


async def reclaim(unused: "UnusedObjectServiceAsyncStub") -> tuple[int, int, bool]:
    reply = await call(unused.ReclaimUnusedObjects, ReclaimUnusedObjectsRequest())
    return reply.deleted, reply.failed, reply.complete


async def register(channel: aio.Channel, *segments: tuple[int, str]) -> None:
    """Register a segment of ten nanoseconds for each start and object; one has an object elsewhere."""
    new = [
        new_segment(start, start + 10, one, urls=OUTSIDE if one == ELSEWHERE else [])
        for start, one in segments
    ]
    assert not (await call(SegmentServiceStub(channel).CreateSegments, create_in(FLOW, *new))).failures


async def delete_segments(channel: aio.Channel, *starts: int) -> None:
    for start in starts:
        within = TimeRange(start_ns=start, end_ns=start + 10)
        deletion = DeleteSegmentsRequest(flow_id=FLOW, timerange=within)
        await call(SegmentServiceStub(channel).DeleteSegments, deletion)


async def test_a_reclaim_deletes_what_was_listed_and_is_not_used_again(
    serve: Serve, backend: dict[str, Any], metadata: RpcServer, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    config = write_storage_config(tmp_path / "looking.json", backend)
    async with (
        serve(backend, metadata_address=f"127.0.0.1:{metadata.port}", **ON_DEMAND) as media,
        metadata_channel(metadata.port) as channel,
    ):
        await put_flow(channel, FLOW, container="video/mp2t")
        ids, paths = await upload(media, http, [b"x" * size for size in range(1, 6)])
        # One object stays in use, and one unregistered.
        await register(channel, *zip((0, 10, 20, 30), ids[:4], strict=True), (100, ELSEWHERE))
        await delete_segments(channel, 0, 10, 20, 100)
        unused = UnusedObjectServiceStub(media.channel)
        first = await call(unused.ListUnusedObjects, ListUnusedObjectsRequest(page_size=2))
        following = ListUnusedObjectsRequest(page_token=first.next_page_token)
        rest = await call(unused.ListUnusedObjects, following)
        found = [*first.unused_objects, *rest.unused_objects]
        expected = list(zip(ids[:3], paths[:3], (1, 2, 3), strict=True))
        assert [(one.id, one.storage_path, one.size) for one in found] == expected
        assert {(one.storage_id, one.cause) for one in found} == {(backend["id"], UNUSED_CAUSE_UNREFERENCED)}
        assert (len(first.unused_objects), first.page_size, rest.next_page_token) == (2, 2, "")
        await register(channel, (200, ids[1]))
        with closing(S3Storage(next(iter(read_storage_backends(config))), threads=1)) as storage:
            assert [await storage.size(path) for path in paths] == [1, 2, 3, 4, 5]
            assert await reclaim(unused) == (2, 0, True)
            assert [await storage.size(path) for path in paths] == [None, 2, None, 4, 5]
        assert not (await call(unused.ListUnusedObjects, ListUnusedObjectsRequest())).unused_objects
        assert await reclaim(unused) == (0, 0, True)
        with pytest.raises(InvalidArgument) as raised:
            await call(unused.ListUnusedObjects, ListUnusedObjectsRequest(page_token="x"))
        assert raised.value.reason == "BAD_PAGE_TOKEN"
