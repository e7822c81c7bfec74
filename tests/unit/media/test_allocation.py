import itertools
from urllib.parse import parse_qs, urlsplit

import pytest

from services.media.application.allocation import DEFAULT_OBJECTS, MAX_OBJECTS, Allocation
from services.media.application.signing import Signing
from services.media.domain.storage_backend import StorageBackends
from services.shared.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)
from tests.support.storage import BACKEND_ID, NOON, OTHER_BACKEND_ID, MemoryObjectRegistry, a_backend


@pytest.fixture
def registry():
    return MemoryObjectRegistry({"flow": "video/mp2t", "bare": None, "locked": "x/y"}, read_only=["locked"])


@pytest.fixture
def allocation(registry):
    return allocation_over(registry, a_backend(), a_backend(id=OTHER_BACKEND_ID, default_storage=False))


def allocation_over(registry, *backends):
    numbers = itertools.count()
    return Allocation(
        StorageBackends(backends),
        registry,
        Signing(StorageBackends(backends), lambda: NOON, 3600),
        clock=lambda: NOON,
        new_object_id=lambda: f"id-{next(numbers)}",
    )


async def test_new_ids_are_reserved_with_their_place(allocation, registry):
    objects = await allocation.allocate("flow", limit=2)
    assert [one.object_id for one in objects] == ["id-0", "id-1"]
    assert registry.reserved["id-1"].storage_id == BACKEND_ID
    assert registry.reserved["id-1"].storage_path == "2026/03/04/id-1"


async def test_the_put_carries_the_flows_container(allocation):
    (one,) = await allocation.allocate("flow", limit=1)
    assert one.content_type == "video/mp2t"
    assert urlsplit(one.put_url).path == "/tams/2026/03/04/id-0"
    assert parse_qs(urlsplit(one.put_url).query)["X-Amz-SignedHeaders"] == ["content-type;host"]


@pytest.mark.parametrize(
    ("limit", "count"), [(None, DEFAULT_OBJECTS), (0, 0), (7, 7), (MAX_OBJECTS + 1, MAX_OBJECTS)]
)
async def test_limit(allocation, registry, limit, count):
    assert len(await allocation.allocate("flow", limit=limit)) == count == len(registry.reserved)


async def test_given_ids_keep_their_order(allocation):
    objects = await allocation.allocate("flow", object_ids=["z", "a/b"])
    assert [one.object_id for one in objects] == ["z", "a/b"]


async def test_an_empty_list_of_ids_allocates_nothing(allocation, registry):
    assert await allocation.allocate("flow", object_ids=[]) == []
    assert not registry.reserved


async def test_the_named_backend_is_used(registry):
    other = a_backend(id=OTHER_BACKEND_ID, default_storage=False, bucket="cold", prefix="media/")
    allocation = allocation_over(registry, a_backend(), other)
    (one,) = await allocation.allocate("flow", limit=1, storage_id=OTHER_BACKEND_ID)
    assert urlsplit(one.put_url).path == "/cold/media/2026/03/04/id-0"
    assert registry.reserved["id-0"].storage_id == OTHER_BACKEND_ID


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"limit": 1, "object_ids": ["a"]}, "BAD_ALLOCATION"),
        ({"limit": 0, "object_ids": []}, "BAD_ALLOCATION"),
        ({"limit": -1}, "BAD_ALLOCATION"),
        ({"object_ids": ["a", "b", "a"]}, "BAD_ALLOCATION"),
        ({"object_ids": ["a", ""]}, "BAD_ALLOCATION"),
        ({"object_ids": ["a", "b" * 2000]}, "BAD_ALLOCATION"),
        ({"object_ids": [str(n) for n in range(MAX_OBJECTS + 1)]}, "TOO_MANY_ITEMS"),
        ({"storage_id": "5e0b1a0e-7c1d-4b5e-9a52-000000000000"}, "UNKNOWN_STORAGE"),
        ({"storage_id": ""}, "UNKNOWN_STORAGE"),
    ],
)
async def test_a_bad_request_reserves_nothing(allocation, registry, asked, reason):
    with pytest.raises(InvalidArgument) as raised:
        await allocation.allocate("flow", **asked)
    assert raised.value.reason == reason
    assert not registry.reserved


async def test_without_a_default_backend_one_must_be_named(registry):
    allocation = allocation_over(registry, a_backend(default_storage=False))
    with pytest.raises(InvalidArgument) as raised:
        await allocation.allocate("flow")
    assert raised.value.reason == "UNKNOWN_STORAGE"
    assert len(await allocation.allocate("flow", limit=1, storage_id=BACKEND_ID)) == 1


async def test_a_taken_id_allocates_none(allocation, registry):
    await allocation.allocate("flow", object_ids=["taken"])
    with pytest.raises(AlreadyExists):
        await allocation.allocate("flow", object_ids=["new", "taken"])
    assert set(registry.reserved) == {"taken"}


@pytest.mark.parametrize(
    ("flow", "error"), [("unknown", NotFound), ("locked", PermissionDenied), ("bare", FailedPrecondition)]
)
@pytest.mark.parametrize("asked", [{}, {"limit": -1}, {"storage_id": "nowhere"}])
async def test_a_fault_of_the_flow_comes_before_one_of_the_request(allocation, flow, error, asked):
    with pytest.raises(error):
        await allocation.allocate(flow, **asked)
