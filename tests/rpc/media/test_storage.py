from collections.abc import Sequence
from typing import Any

import pytest
from tams.media.v1.storage_service_pb2 import (
    AllocatedObject,
    AllocateStorageRequest,
    BatchAllocateStorageRequest,
    ListStorageBackendsRequest,
    ObjectIds,
)

from services.shared.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    TamsError,
)
from services.shared.rpc.client import call
from tests.rpc.media.conftest import Media, Serve
from tests.support.storage.backends import OTHER_BACKEND_ID
from tests.support.storage.signed_urls import signed_urls


async def allocate(media: Media, flow_id: str = "flow", **options: Any) -> Sequence[AllocatedObject]:
    return (
        await call(media.stub.AllocateStorage, AllocateStorageRequest(flow_id=flow_id, **options))
    ).objects


async def sign(media: Media, *paths: str) -> list[str]:
    return await signed_urls(media.stub, media.backend["id"], paths)


async def test_backends_are_listed_in_order_without_their_keys(serve: Serve, backend: dict[str, Any]) -> None:
    cold = backend | {
        "id": OTHER_BACKEND_ID,
        "label": "cold",
        "default_storage": False,
        "region": "eu-west-2",
        "availability_zone": "b",
        "tags": {"tier": "archive"},
    }
    async with serve(backend, cold) as media:
        reply = await call(media.stub.ListStorageBackends, ListStorageBackendsRequest())
    first, second = reply.storage_backends
    assert (first.id, first.label, first.default_storage) == (backend["id"], "local", True)
    assert (first.store_type, first.provider, first.store_product) == (
        "http_object_store",
        "local",
        "SeaweedFS",
    )
    assert (second.id, second.region, second.availability_zone) == (OTHER_BACKEND_ID, "eu-west-2", "b")
    assert not second.default_storage
    assert (dict(first.tags), dict(second.tags)) == ({}, {"tier": "archive"})


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 10),
        ({"limit": 0}, 0),
        ({"limit": 3}, 3),
        ({"limit": 5000}, 1000),
        ({"object_ids": ObjectIds()}, 0),
        ({"object_ids": ObjectIds(ids=["x", "y"])}, 2),
    ],
)
async def test_the_requested_number_of_objects_is_allocated(
    media: Media, options: dict[str, Any], count: int
) -> None:
    objects = await allocate(media, **options)
    assert len(objects) == count == len(media.registry.reserved)
    assert {allocated.content_type for allocated in objects} <= {"video/mp2t"}


@pytest.mark.parametrize(
    ("flow", "options", "error", "reason"),
    [
        ("flow", {"limit": 1, "object_ids": ObjectIds()}, InvalidArgument, "BAD_ALLOCATION"),
        ("flow", {"limit": -1}, InvalidArgument, "BAD_ALLOCATION"),
        ("flow", {"object_ids": ObjectIds(ids=["x", "x"])}, InvalidArgument, "BAD_ALLOCATION"),
        ("flow", {"storage_id": "nowhere"}, InvalidArgument, "UNKNOWN_STORAGE"),
        ("unknown", {}, NotFound, "FLOW_NOT_FOUND"),
        ("unknown", {"limit": -1}, NotFound, "FLOW_NOT_FOUND"),
        ("locked", {}, PermissionDenied, "FLOW_READ_ONLY"),
        ("bare", {}, FailedPrecondition, "NO_CONTAINER"),
    ],
)
async def test_an_invalid_allocation_is_refused_with_its_reason(
    media: Media, flow: str, options: dict[str, Any], error: type[TamsError], reason: str
) -> None:
    with pytest.raises(error) as raised:
        await allocate(media, flow, **options)
    assert raised.value.reason == reason
    assert not media.registry.reserved


async def test_an_id_in_use_is_refused(media: Media) -> None:
    await allocate(media, object_ids=ObjectIds(ids=["x"]))
    with pytest.raises(AlreadyExists):
        await allocate(media, object_ids=ObjectIds(ids=["y", "x"]))


async def test_a_batch_of_allocations_has_a_result_for_each(media: Media) -> None:
    requests = [
        AllocateStorageRequest(flow_id="flow", object_ids=ObjectIds(ids=["x", "a b"])),
        AllocateStorageRequest(flow_id="unknown"),
        AllocateStorageRequest(flow_id="flow", object_ids=ObjectIds(ids=["y", "x"])),
        AllocateStorageRequest(flow_id="flow", limit=-1),
        AllocateStorageRequest(flow_id="flow", object_ids=ObjectIds(ids=["y"])),
    ]
    reply = await call(media.stub.BatchAllocateStorage, BatchAllocateStorageRequest(requests=requests))
    first, *refused, last = reply.results
    assert list(first.objects.object_ids) == ["x", "a b"]
    assert [path.rpartition(b"/")[2] for path in first.objects.url_paths.splitlines()] == [b"x", b"a~20b"]
    assert first.objects.put_urls.signatures.count(b"\n") == 2
    assert (first.objects.content_type, dict(first.objects.headers)) == ("video/mp2t", {"If-None-Match": "*"})
    assert [result.failure.reason for result in refused] == [
        "FLOW_NOT_FOUND",
        "OBJECT_EXISTS",
        "BAD_ALLOCATION",
    ]
    assert list(last.objects.object_ids) == ["y"]


@pytest.mark.parametrize("limits", [[1] * 257, [1000, 1]])
async def test_a_batch_of_allocations_is_bounded(media: Media, limits: list[int]) -> None:
    requests = [AllocateStorageRequest(flow_id="flow", limit=limit) for limit in limits]
    with pytest.raises(InvalidArgument) as raised:
        await call(media.stub.BatchAllocateStorage, BatchAllocateStorageRequest(requests=requests))
    assert raised.value.reason == "TOO_MANY_ITEMS"
    assert not media.registry.reserved


async def test_too_many_paths_are_refused(media: Media) -> None:
    with pytest.raises(InvalidArgument) as raised:
        await sign(media, *map(str, range(1001)))
    assert raised.value.reason == "TOO_MANY_ITEMS"


async def test_urls_are_signed_in_order(media: Media) -> None:
    urls = await sign(media, *map(str, range(1000)))
    assert [url.partition("?")[0].rpartition("/")[2] for url in urls] == [str(n) for n in range(1000)]
