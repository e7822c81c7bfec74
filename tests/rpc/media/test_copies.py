"""Copies of objects over gRPC, with the real metadata service and two buckets of real object storage."""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import pytest
from grpc import aio
from tams.media.v1 import copy_service_pb2
from tams.media.v1.copy_service_pb2 import CopyObjectsRequest
from tams.media.v1.copy_service_pb2_grpc import CopyServiceStub
from tams.media.v1.unused_object_service_pb2 import ReclaimUnusedObjectsRequest
from tams.media.v1.unused_object_service_pb2_grpc import UnusedObjectServiceStub
from tams.metadata.v1.object_copy_pb2 import ObjectCopyState
from tams.metadata.v1.object_copy_service_pb2 import ListObjectCopiesRequest, RetireObjectCopyRequest
from tams.metadata.v1.object_copy_service_pb2_grpc import ObjectCopyServiceStub

from services.media.application.copying import copier
from services.media.bootstrap import utc_now
from services.media.domain import copy as copy_rules
from services.shared.errors import FailedPrecondition, InvalidArgument, NotFound, Unavailable
from services.shared.rpc.client import call, open_channel
from services.shared.rpc.status import from_failure
from tests.rpc.media.conftest import Media, Serve
from tests.rpc.media.test_process import start_process, wait_for_end
from tests.rpc.media.test_unused_objects import FLOW, ON_DEMAND, delete_segments, register, upload
from tests.support.processes.health import until_serving
from tests.support.processes.polling import until
from tests.support.processes.ports import free_ports
from tests.support.services.metadata import metadata_channel, put_flow, running_metadata
from tests.support.storage.backends import BACKEND_ID, OTHER_BACKEND_ID
from tests.support.storage.seaweedfs import SeaweedFS, write_storage_config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

COPY_SERVICE = copy_service_pb2.DESCRIPTOR.services_by_name["CopyService"]
THIRD_ID = "5d1f6a2e-0000-4000-8000-00000000000c"
ALIAS_ID = "5d1f6a2e-0000-4000-8000-00000000000d"
STATES = {value: name.removeprefix("OBJECT_COPY_STATE_") for name, value in ObjectCopyState.items()}


class World(NamedTuple):
    """A media service with two buckets, its metadata service, and a client of storage."""

    media: Media
    metadata: aio.Channel
    buckets: dict[str, str]
    s3: "S3Client"
    # The address of the metadata service, and the storage configuration.
    address: str
    config: Path

    async def copy(self, *object_ids: str, move: bool = False, to: str = OTHER_BACKEND_ID) -> list[Any]:
        """For each object the bytes copied, "pending", or the reason of its failure."""
        request = CopyObjectsRequest(object_ids=object_ids, storage_id=to, move=move)
        reply = await call(CopyServiceStub(self.media.channel).CopyObjects, request)
        return [
            from_failure(result.failure).reason
            if result.HasField("failure")
            else ("pending" if result.copied.pending else result.copied.bytes)
            for result in reply.results
        ]

    async def copies(self, object_id: str) -> dict[str, str]:
        """The state of each copy by its bucket."""
        request = ListObjectCopiesRequest(object_id=object_id)
        reply = await call(ObjectCopyServiceStub(self.metadata).ListObjectCopies, request)
        return {self.buckets[one.storage_id]: STATES[one.state] for one in reply.copies}

    def stored(self, bucket: str) -> dict[str, str]:
        """The MD5 of the objects in a bucket, by key."""
        keys = [one["Key"] for one in self.s3.list_objects_v2(Bucket=bucket).get("Contents", ())]
        bodies = {key: self.s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
        return {key: hashlib.md5(body, usedforsecurity=False).hexdigest() for key, body in bodies.items()}

    async def reclaim(self) -> int:
        stub = UnusedObjectServiceStub(self.media.channel)
        return (await call(stub.ReclaimUnusedObjects, ReclaimUnusedObjectsRequest())).deleted


Worlds = Callable[..., AbstractAsyncContextManager[World]]


@pytest.fixture
def worlds(serve: Serve, seaweedfs: SeaweedFS, tmp_path: Path) -> Worlds:
    """A function that runs a world, whose metadata is ahead of time by the seconds in a list."""
    return partial(a_world, serve, seaweedfs, tmp_path)


@asynccontextmanager
async def a_world(
    serve: Serve, seaweedfs: SeaweedFS, folder: Path, passed: list[float], *, same_endpoint: bool = True
) -> AsyncIterator[World]:
    names = [f"tams-{secrets.token_hex(6)}" for _ in range(2)]
    # Storage copies between backends of one endpoint itself. Another name of it is another endpoint.
    endpoint = seaweedfs.endpoint_url
    if not same_endpoint:
        endpoint = endpoint.replace("127.0.0.1", "localhost")
    first = seaweedfs.backend(names[0], prefix="first/")
    third = seaweedfs.backend(names[1], prefix="third/", id=THIRD_ID, label="third", default_storage=False)
    more: dict[str, Any] = {"id": OTHER_BACKEND_ID, "label": "other", "default_storage": False}
    second = seaweedfs.backend(names[1], prefix="second/", endpoint_url=endpoint, **more)

    elsewhere = seaweedfs.endpoint_url.replace("127.0.0.1", "localhost")
    more |= {"id": ALIAS_ID, "label": "alias"}
    alias = seaweedfs.backend(names[0], prefix="first/", endpoint_url=elsewhere, **more)

    def clock() -> datetime:
        return utc_now() + timedelta(seconds=passed[0])

    async with running_metadata(folder, clock=clock) as metadata:
        address = f"127.0.0.1:{metadata.port}"
        async with (
            serve(first, second, third, alias, metadata_address=address, **ON_DEMAND) as media,
            metadata_channel(metadata.port) as channel,
        ):
            await put_flow(channel, FLOW, container="video/mp2t")
            buckets = {BACKEND_ID: names[0], OTHER_BACKEND_ID: names[1], THIRD_ID: "third"}
            config = write_storage_config(folder / "world.json", first, second, third)
            yield World(media, channel, buckets, seaweedfs.client(), address, config)


async def stored_objects(world: World, http: httpx.AsyncClient, contents: Sequence[bytes]) -> list[str]:
    """The ids of registered objects with these bytes."""
    ids, _ = await upload(world.media, http, contents)
    await register(world.metadata, *((10 * at, one) for at, one in enumerate(ids)))
    return ids


def md5s(*contents: bytes) -> set[str]:
    return {hashlib.md5(content, usedforsecurity=False).hexdigest() for content in contents}


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> int:
    """The size above which an object is copied in parts, by storage and through the process."""
    small = 5 * 1024 * 1024
    for name in ("PART_BYTES", "COPIED_PART_BYTES", "MAX_COPIED_BYTES"):
        monkeypatch.setattr(copy_rules, name, small)
        monkeypatch.setattr(copier, name, small)
    return small


@pytest.mark.parametrize("same_endpoint", [True, False])
async def test_objects_are_copied_and_moved_and_their_old_bytes_go(
    worlds: Worlds, http: httpx.AsyncClient, small_parts: int, same_endpoint: bool
) -> None:
    contents = b"", b"small" * 1000, secrets.token_bytes(small_parts + 1000)
    passed = [0.0]
    async with worlds(passed, same_endpoint=same_endpoint) as world:
        one, two, large = await stored_objects(world, http, contents)
        first, second, _ = world.buckets.values()
        sizes = [len(content) for content in contents]
        assert await world.copy(one, two, large) == sizes
        assert await world.copy(one, two, large) == [0, 0, 0]
        assert set(world.stored(second).values()) == set(world.stored(first).values()) == md5s(*contents)
        assert all(key.startswith("second/2") for key in world.stored(second))
        assert await world.copies(two) == {first: "STORED", second: "STORED"}
        # A move of a copied object copies nothing. Its old place stays until its URLs are expired.
        assert await world.copy(two, move=True) == [0]
        assert await world.copies(two) == {second: "STORED", first: "RETIRED"}
        assert (await world.reclaim(), len(world.stored(first))) == (0, 3)
        passed[0] += 3600 + 301
        assert (await world.reclaim(), len(world.stored(first))) == (1, 2)
        assert await world.copies(two) == {second: "STORED"}
        # And back, which writes the bytes again.
        assert await world.copy(two, move=True, to=BACKEND_ID) == [sizes[1]]
        assert set(world.stored(first).values()) == md5s(*contents)
        # An object without segments goes with all of its copies.
        await delete_segments(world.metadata, 0, 10, 20)
        assert await world.reclaim() == 3
        assert world.stored(first) == world.stored(second) == {}


async def test_gone_bytes_are_noticed_and_copied_again(worlds: Worlds, http: httpx.AsyncClient) -> None:
    async with worlds([0.0]) as world:
        one, lost = await stored_objects(world, http, [b"one", b"lost"])
        first, second, _ = world.buckets.values()
        assert await world.copy(one) == [3]

        def remove(bucket: str) -> None:
            for key in world.stored(bucket):
                world.s3.delete_object(Bucket=bucket, Key=key)

        # A copy that is gone is written again; so is the object's own place.
        remove(second)
        assert await world.copy(one) == [3]
        remove(first)
        assert await world.copy(one, lost, to=BACKEND_ID) == [3, "OBJECT_NOT_STORED"]
        assert set(world.stored(first).values()) == md5s(b"one")
        # A source that is gone gives its place to a copy, and has no URLs any more.
        remove(first)
        assert await world.copy(one, to=THIRD_ID) == [3]
        assert await world.copies(one) == {second: "STORED", first: "RETIRED", "third": "STORED"}
        # The last copies stay.
        remove(second)
        assert await world.copy(one, to=OTHER_BACKEND_ID) == ["OBJECT_NOT_STORED"]
        assert await world.copies(one) == {second: "STORED", first: "RETIRED", "third": "STORED"}


async def test_copies_that_cannot_be_made_are_refused_one_by_one(
    worlds: Worlds, http: httpx.AsyncClient
) -> None:
    async with worlds([0.0]) as world:
        (one,) = await stored_objects(world, http, [b"one"])
        assert await world.copy("unknown", one, one) == ["OBJECT_NOT_FOUND", 3, 3]
        # The same bucket under another name. A move there would delete the only bytes.
        assert await world.copy(one, to=ALIAS_ID, move=True) == ["SAME_PLACE"]
        assert len(world.stored(world.buckets[BACKEND_ID])) == 1
        with pytest.raises(InvalidArgument) as caught:
            await world.copy(*(f"{number}" for number in range(101)))
        assert caught.value.reason == "TOO_MANY_ITEMS"
        with pytest.raises(InvalidArgument) as caught:
            await world.copy(one, to="5d1f6a2e-0000-4000-8000-00000000000b")
        assert caught.value.reason == "UNKNOWN_STORAGE"
        retire = ObjectCopyServiceStub(world.metadata).RetireObjectCopy
        for _ in range(2):
            await call(retire, RetireObjectCopyRequest(object_id=one, storage_id=OTHER_BACKEND_ID))
        with pytest.raises(FailedPrecondition) as refused:
            await call(retire, RetireObjectCopyRequest(object_id=one, storage_id=BACKEND_ID))
        assert refused.value.reason == "LAST_COPY"
        with pytest.raises(NotFound):
            await world.copies("unknown")


async def test_simultaneous_calls_share_a_copy(worlds: Worlds, http: httpx.AsyncClient) -> None:
    async with worlds([0.0]) as world:
        ids = await stored_objects(world, http, [b"%d" % number * 10 for number in range(20)])
        results = await asyncio.gather(*(world.copy(*ids) for _ in range(3)))
        assert all(isinstance(count, int) for result in results for count in result)
        assert len(world.stored(world.buckets[OTHER_BACKEND_ID])) == 20


@pytest.mark.slow
async def test_a_move_goes_on_after_the_process_was_killed_in_it(
    worlds: Worlds, http: httpx.AsyncClient
) -> None:
    content = secrets.token_bytes(48 * 1024 * 1024)
    async with worlds([0.0], same_endpoint=False) as world:
        (one,) = await stored_objects(world, http, [content])
        first, second, _ = world.buckets.values()
        (port,) = free_ports(1)
        process = await start_process(port=port, storage_config=world.config, metadata_address=world.address)
        request = CopyObjectsRequest(object_ids=[one], storage_id=OTHER_BACKEND_ID, move=True)
        try:
            await until_serving(port)
            async with open_channel(f"127.0.0.1:{port}", [COPY_SERVICE]) as channel:
                moving = asyncio.create_task(call(CopyServiceStub(channel).CopyObjects, request, timeout=60))

                async def has_begun() -> bool:
                    uploads = world.s3.list_multipart_uploads(Bucket=second).get("Uploads", ())
                    return bool(uploads) or moving.done()

                await until(has_begun)
                process.kill()
                await wait_for_end(process)
                with pytest.raises(Unavailable):
                    await moving
        finally:
            if process.returncode is None:
                process.kill()
                await wait_for_end(process)
        assert await world.copies(one) == {first: "STORED", second: "COPYING"}

        async def moved() -> bool:
            return await world.copy(one, move=True) == [len(content)]

        # The lease of the killed process ends first.
        await until(moved)
        assert await world.copies(one) == {second: "STORED", first: "RETIRED"}
        assert set(world.stored(second).values()) == md5s(content)
