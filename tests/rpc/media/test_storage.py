import pytest
from tams.media.v1.storage_service_pb2 import (
    AllocateStorageRequest,
    ListStorageBackendsRequest,
    ObjectIds,
    SignUrlsRequest,
    StoredObjects,
)

from services.shared.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)
from services.shared.rpc.client import call
from tests.support.storage import OTHER_BACKEND_ID


async def allocate(media, flow_id="flow", **asked):
    return (await call(media.stub.AllocateStorage, AllocateStorageRequest(flow_id=flow_id, **asked))).objects


async def sign(media, *paths):
    request = SignUrlsRequest(objects=[StoredObjects(storage_id=media.backend["id"], paths=paths)])
    return (await call(media.stub.SignUrls, request)).urls


async def test_backends_are_listed_in_order_without_their_access(serve, backend):
    full = backend | {
        "id": OTHER_BACKEND_ID,
        "label": "cold",
        "default_storage": False,
        "region": "eu-west-2",
        "availability_zone": "b",
    }
    async with serve(backend, full) as media:
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


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({}, 10),
        ({"limit": 0}, 0),
        ({"limit": 3}, 3),
        ({"limit": 5000}, 1000),
        ({"object_ids": ObjectIds()}, 0),
        ({"object_ids": ObjectIds(ids=["x", "y"])}, 2),
    ],
)
async def test_how_many_are_allocated(media, asked, count):
    objects = await allocate(media, **asked)
    assert len(objects) == count == len(media.registry.reserved)
    assert {one.content_type for one in objects} <= {"video/mp2t"}


@pytest.mark.parametrize(
    ("flow", "asked", "error", "reason"),
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
async def test_errors_keep_their_kind_and_reason(media, flow, asked, error, reason):
    with pytest.raises(error) as raised:
        await allocate(media, flow, **asked)
    assert raised.value.reason == reason
    assert not media.registry.reserved


async def test_a_taken_id(media):
    await allocate(media, object_ids=ObjectIds(ids=["x"]))
    with pytest.raises(AlreadyExists):
        await allocate(media, object_ids=ObjectIds(ids=["y", "x"]))


async def test_too_many_locations(media):
    with pytest.raises(InvalidArgument) as raised:
        await sign(media, *map(str, range(1001)))
    assert raised.value.reason == "TOO_MANY_ITEMS"


async def test_a_page_of_urls_in_order(media):
    urls = await sign(media, *map(str, range(1000)))
    assert [url.partition("?")[0].rpartition("/")[2] for url in urls] == [str(n) for n in range(1000)]
