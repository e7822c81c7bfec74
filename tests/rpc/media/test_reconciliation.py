"""Objects and buckets are compared over gRPC, with the real metadata service and real object storage."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tams.media.v1.copy_service_pb2 import CopyObjectsRequest
from tams.media.v1.copy_service_pb2_grpc import CopyServiceStub
from tams.media.v1.reconciliation_service_pb2 import Difference, ReconcileRequest
from tams.media.v1.reconciliation_service_pb2_grpc import ReconciliationServiceStub
from tams.media.v1.storage_service_pb2 import AllocatedObject, AllocateStorageRequest
from tams.metadata.v1.segment_service_pb2_grpc import SegmentServiceStub

from services.media.application import reconciliation
from services.media.bootstrap import utc_now
from services.shared.errors import InvalidArgument, Unavailable
from services.shared.paging import encode_token
from services.shared.rpc.client import call
from services.shared.rpc.server import RpcServer
from tests.rpc.media.conftest import Media, Serve
from tests.support.rpc.messages import create_in, new_segment
from tests.support.services.metadata import metadata_channel, put_flow, running_metadata
from tests.support.storage.backends import OTHER_BACKEND_ID
from tests.support.storage.seaweedfs import SeaweedFS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FLOW = "10000000-0000-4000-8000-000000000001"
# Found only as long as there are no others.
KEEP: dict[str, Any] = {"reclaim_unreferenced_seconds": -1, "reclaim_unregistered_seconds": -1}


@pytest.fixture
async def metadata(tmp_path: Path) -> AsyncIterator[RpcServer]:
    async with running_metadata(tmp_path) as server:
        yield server


async def stored(media: Media, http: httpx.AsyncClient, storage_id: str, count: int) -> list[AllocatedObject]:
    """Allocate and upload objects."""
    request = AllocateStorageRequest(flow_id=FLOW, limit=count, storage_id=storage_id)
    allocated = (await call(media.stub.AllocateStorage, request)).objects
    for one in allocated:
        headers = {"Content-Type": one.content_type, **one.headers}
        assert (await http.put(one.put_url, content=b"abc", headers=headers)).status_code == 200
    return list(allocated)


def path_of(one: AllocatedObject) -> str:
    return one.put_url.split("?")[0].split("/", 4)[4]


async def compare(media: Media) -> tuple[list[Difference], list[tuple[int, int, int]]]:
    """The differences, and for each step the keys, the objects, and those of both that are too young."""
    stub, token = ReconciliationServiceStub(media.channel), ""
    differences: list[Difference] = []
    steps: list[tuple[int, int, int]] = []
    while True:
        reply = await call(stub.Reconcile, ReconcileRequest(page_token=token))
        differences += reply.differences
        steps.append((reply.stored, reply.objects, reply.recent))
        token = reply.next_page_token
        if not token:
            return differences, steps


async def copy(media: Media, one: AllocatedObject, storage_id: str) -> None:
    request = CopyObjectsRequest(object_ids=[one.object_id], storage_id=storage_id)
    (result,) = (await call(CopyServiceStub(media.channel).CopyObjects, request)).results
    assert result.copied.bytes == 3


def later() -> datetime:
    return utc_now() + timedelta(hours=1)


@dataclass
class World:
    """Two backends in one bucket, of which one has a prefix within that of the other."""

    serve: Serve
    outer: dict[str, Any]
    client: "S3Client"
    metadata: RpcServer

    @property
    def inner(self) -> dict[str, Any]:
        inside = {"id": OTHER_BACKEND_ID, "prefix": "media/inner/", "label": "inner"}
        return self.outer | inside | {"default_storage": False}

    @property
    def keys(self) -> set[str]:
        return {found["Key"] for found in self.client.list_objects_v2(Bucket=self.bucket)["Contents"]}

    @property
    def bucket(self) -> str:
        return str(self.outer["bucket"])

    def running(self, **settings: Any) -> AbstractAsyncContextManager[Media]:
        """Media, which reclaims nothing."""
        address = f"127.0.0.1:{self.metadata.port}"
        return self.serve(self.outer, self.inner, metadata_address=address, **KEEP, **settings)

    async def fill(self, media: Media, http: httpx.AsyncClient) -> list[AllocatedObject]:
        """Objects whose bytes are lost, there, not registered, there and lost; and bytes of no object."""
        objects = await stored(media, http, self.outer["id"], 3)
        objects += await stored(media, http, self.inner["id"], 2)
        await call(media.stub.AllocateStorage, AllocateStorageRequest(flow_id=FLOW, limit=1))
        used = [*objects[:2], *objects[3:]]
        segments = [new_segment(at, at + 1, one.object_id, urls=[]) for at, one in enumerate(used)]
        async with metadata_channel(self.metadata.port) as channel:
            stub = SegmentServiceStub(channel)
            assert not (await call(stub.CreateSegments, create_in(FLOW, *segments))).failures
        for one in (objects[0], objects[4]):
            self.client.delete_object(Bucket=self.bucket, Key=path_of(one))
        for key in ("media/stray", "media/inner/stray", "elsewhere/stray", "media/.tams-access"):
            self.client.put_object(Bucket=self.bucket, Key=key, Body=b"12345")
        return objects


@pytest.fixture
async def world(serve: Serve, backend: dict[str, Any], seaweedfs: SeaweedFS, metadata: RpcServer) -> World:
    async with metadata_channel(metadata.port) as channel:
        await put_flow(channel, FLOW, container="video/mp2t")
    return World(serve, backend | {"prefix": "media/"}, seaweedfs.client(), metadata)


async def test_missing_and_orphaned_bytes_are_found_and_nothing_changes(
    world: World, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.running() as media:
        lost, copied, unregistered, deep, deep_lost = await world.fill(media, http)
        await copy(media, copied, world.inner["id"])
        await copy(media, deep, world.outer["id"])
        lost_copy = path_of(deep).replace("inner/", "")
        world.client.delete_object(Bucket=world.bucket, Key=lost_copy)
        before = world.keys
        assert await compare(media) == ([], [(6, 6, 8)])
    async with world.running(clock=later) as media:
        found, steps = await compare(media)
        assert steps == [(6, 6, 0)]
        outer, inner = world.outer["id"], world.inner["id"]
        orphaned = {(one.storage_id, one.storage_path, one.orphaned.size) for one in found[:2]}
        assert orphaned == {(outer, key, 5) for key in ("media/stray", "media/inner/stray")}
        age = utc_now() - found[0].orphaned.modify_time.ToDatetime(UTC)
        assert timedelta(minutes=-1) < age < timedelta(minutes=10)
        missing = {(one.storage_id, one.storage_path, one.missing_object_id) for one in found[2:]}
        assert missing == {
            (outer, path_of(lost), lost.object_id),
            (outer, lost_copy, deep.object_id),
            (inner, path_of(deep_lost), deep_lost.object_id),
        }
        monkeypatch.setattr(reconciliation, "STEP_SECONDS", 0)
        assert await compare(media) == (found, [(6, 0, 0), (0, 3, 0), (0, 3, 0)])
    assert world.keys == before
    assert path_of(unregistered) in before


@pytest.mark.parametrize("place", ["x", encode_token("reconciliation", ("stored", FLOW, ""))])
async def test_a_token_of_another_call_or_backend_is_refused(world: World, place: str) -> None:
    async with world.running() as media:
        stub = ReconciliationServiceStub(media.channel)
        with pytest.raises(InvalidArgument) as refused:
            await call(stub.Reconcile, ReconcileRequest(page_token=place))
        assert refused.value.reason == "BAD_PAGE_TOKEN"


async def test_a_bucket_that_cannot_be_listed_fails_the_call(world: World, http: httpx.AsyncClient) -> None:
    async with world.running() as media:
        await world.fill(media, http)
        for key in world.keys:
            world.client.delete_object(Bucket=world.bucket, Key=key)
        world.client.delete_bucket(Bucket=world.bucket)
        with pytest.raises(Unavailable):
            await compare(media)
