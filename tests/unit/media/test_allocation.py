import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest

from services.media.application.allocation import (
    DEFAULT_OBJECTS,
    MAX_BATCH,
    MAX_OBJECTS,
    Allocation,
    AllocationRequest,
)
from services.media.application.recent_objects import RecentObjects
from services.media.application.signer import Signer, UrlExpiry
from services.media.domain.credentials import Credentials
from services.media.domain.key_template import KeyTemplate
from services.media.domain.storage_backend import ConditionalWrites, StorageBackend, StorageBackends
from services.shared.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    TamsError,
    Unavailable,
)
from tests.support.storage.backends import BACKEND_ID, NOON, OTHER_BACKEND_ID, MemoryObjectRegistry, a_backend


@pytest.fixture
def registry() -> MemoryObjectRegistry:
    return MemoryObjectRegistry({"flow": "video/mp2t", "bare": None, "locked": "x/y"}, read_only=["locked"])


@pytest.fixture
def allocation(registry: MemoryObjectRegistry) -> Allocation:
    return allocation_over(registry, a_backend(), a_backend(id=OTHER_BACKEND_ID, default_storage=False))


def allocation_over(registry: MemoryObjectRegistry, *backends: StorageBackend) -> Allocation:
    numbers = itertools.count()
    return Allocation(
        StorageBackends(backends),
        registry,
        Signer(StorageBackends(backends), lambda: NOON, UrlExpiry(3600, 3600)),
        RecentObjects(),
        clock=lambda: NOON,
        new_object_ids=lambda count: [f"id-{next(numbers)}" for _ in range(count)],
    )


async def test_keys_follow_the_template_of_their_backend(registry: MemoryObjectRegistry) -> None:
    template = KeyTemplate("{prefix}/{year}/{month}/{day}/{flow}/{object}")
    allocation = allocation_over(registry, a_backend(prefix="media/", key_template=template))
    (found,) = await allocate(allocation, "flow", object_ids=["a/b"])
    assert urlsplit(found.put_url).path.endswith("/media/2026/03/04/flow/a~2Fb")


class NewObject(NamedTuple):
    object_id: str
    put_url: str
    content_type: str
    headers: Mapping[str, str]


async def allocate(allocation: Allocation, flow_id: str, **options: Any) -> list[NewObject]:
    (outcome,) = await allocation.allocate([AllocationRequest(flow_id, **options)])
    if isinstance(outcome, TamsError):
        raise outcome
    pairs = zip(outcome.object_ids, outcome.put_urls.urls(), strict=True)
    return [NewObject(*pair, outcome.content_type, outcome.headers) for pair in pairs]


async def test_without_valid_credentials_nothing_is_reserved(registry: MemoryObjectRegistry) -> None:
    expired = a_backend(credentials=Credentials("role", "secret", "token", NOON))
    valid = a_backend(id=OTHER_BACKEND_ID, default_storage=False)
    refused, allocated = await allocation_over(registry, expired, valid).allocate(
        [
            AllocationRequest("flow", object_ids=["a"]),
            AllocationRequest("flow", object_ids=["b"], storage_id=OTHER_BACKEND_ID),
        ]
    )
    assert isinstance(refused, Unavailable)
    assert refused.reason == "CREDENTIALS_EXPIRED"
    assert not isinstance(allocated, TamsError)
    assert set(registry.reserved) == {"b"}


async def test_new_ids_are_reserved_with_their_location(
    allocation: Allocation, registry: MemoryObjectRegistry
) -> None:
    objects = await allocate(allocation, "flow", limit=2)
    assert [new.object_id for new in objects] == ["id-0", "id-1"]
    assert registry.reserved["id-1"].storage_id == BACKEND_ID
    assert registry.reserved["id-1"].storage_path == "2026/03/04/id-1"


async def test_the_put_url_is_signed_with_the_container_of_the_flow(allocation: Allocation) -> None:
    (new,) = await allocate(allocation, "flow", limit=1)
    assert new.content_type == "video/mp2t"
    assert urlsplit(new.put_url).path == "/tams/2026/03/04/id-0"
    assert parse_qs(urlsplit(new.put_url).query)["X-Amz-SignedHeaders"] == ["content-type;host"]


@pytest.mark.parametrize(
    ("choice", "headers", "signed"),
    [
        ("required", {"If-None-Match": "*"}, "content-type;host;if-none-match"),
        ("offered", {"If-None-Match": "*"}, "content-type;host"),
        ("off", {}, "content-type;host"),
    ],
)
async def test_the_condition_of_uploads_is_required_offered_or_off(
    registry: MemoryObjectRegistry, choice: str, headers: dict[str, str], signed: str
) -> None:
    backend = a_backend(conditional_writes=ConditionalWrites(choice))
    (new,) = await allocate(allocation_over(registry, backend), "flow", limit=1)
    assert new.headers == headers
    assert parse_qs(urlsplit(new.put_url).query)["X-Amz-SignedHeaders"] == [signed]


@pytest.mark.parametrize(
    ("limit", "count"), [(None, DEFAULT_OBJECTS), (0, 0), (7, 7), (MAX_OBJECTS + 1, MAX_OBJECTS)]
)
async def test_the_limit_is_the_number_of_objects(
    allocation: Allocation, registry: MemoryObjectRegistry, limit: int | None, count: int
) -> None:
    assert len(await allocate(allocation, "flow", limit=limit)) == count == len(registry.reserved)


async def test_requested_ids_keep_their_order(allocation: Allocation) -> None:
    objects = await allocate(allocation, "flow", object_ids=["z", "a/b"])
    assert [new.object_id for new in objects] == ["z", "a/b"]


async def test_an_empty_list_of_ids_allocates_nothing(
    allocation: Allocation, registry: MemoryObjectRegistry
) -> None:
    assert await allocate(allocation, "flow", object_ids=[]) == []
    assert not registry.reserved


async def test_the_named_backend_is_used(registry: MemoryObjectRegistry) -> None:
    other = a_backend(id=OTHER_BACKEND_ID, default_storage=False, bucket="cold", prefix="media/")
    allocation = allocation_over(registry, a_backend(), other)
    (new,) = await allocate(allocation, "flow", limit=1, storage_id=OTHER_BACKEND_ID)
    assert urlsplit(new.put_url).path == "/cold/media/2026/03/04/id-0"
    assert registry.reserved["id-0"].storage_id == OTHER_BACKEND_ID


@pytest.mark.parametrize(
    ("arguments", "reason"),
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
async def test_a_malformed_request_reserves_no_object(
    allocation: Allocation, registry: MemoryObjectRegistry, arguments: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidArgument) as raised:
        await allocate(allocation, "flow", **arguments)
    assert raised.value.reason == reason
    assert not registry.reserved


async def test_a_request_must_name_a_backend_if_there_is_no_default(registry: MemoryObjectRegistry) -> None:
    allocation = allocation_over(registry, a_backend(default_storage=False))
    with pytest.raises(InvalidArgument) as raised:
        await allocate(allocation, "flow")
    assert raised.value.reason == "UNKNOWN_STORAGE"
    assert len(await allocate(allocation, "flow", limit=1, storage_id=BACKEND_ID)) == 1


async def test_an_id_in_use_prevents_the_whole_allocation(
    allocation: Allocation, registry: MemoryObjectRegistry
) -> None:
    await allocate(allocation, "flow", object_ids=["taken"])
    with pytest.raises(AlreadyExists):
        await allocate(allocation, "flow", object_ids=["new", "taken"])
    assert set(registry.reserved) == {"taken"}


@pytest.mark.parametrize(
    ("flow", "error"), [("unknown", NotFound), ("locked", PermissionDenied), ("bare", FailedPrecondition)]
)
@pytest.mark.parametrize("arguments", [{}, {"limit": -1}, {"storage_id": "nowhere"}])
async def test_a_fault_of_the_flow_is_reported_before_one_of_the_request(
    allocation: Allocation, flow: str, error: type[TamsError], arguments: dict[str, Any]
) -> None:
    with pytest.raises(error):
        await allocate(allocation, flow, **arguments)


async def test_each_of_many_requests_has_its_own_outcome(
    allocation: Allocation, registry: MemoryObjectRegistry
) -> None:
    outcomes = await allocation.allocate(
        [
            AllocationRequest("flow", object_ids=["a", "b"]),
            AllocationRequest("flow", object_ids=["c", "a"]),
            AllocationRequest("flow", limit=-1),
            AllocationRequest("unknown", limit=-1),
            AllocationRequest("flow", limit=1),
        ]
    )
    assert [one.reason if isinstance(one, TamsError) else one.object_ids for one in outcomes] == [
        ["a", "b"],
        "OBJECT_EXISTS",
        "BAD_ALLOCATION",
        "FLOW_NOT_FOUND",
        ["id-0"],
    ]
    assert set(registry.reserved) == {"a", "b", "id-0"}


@pytest.mark.parametrize(
    "requests",
    [
        [AllocationRequest("flow", limit=1)] * (MAX_BATCH + 1),
        [AllocationRequest("flow", limit=MAX_OBJECTS), AllocationRequest("flow", limit=1)],
    ],
)
async def test_a_batch_is_bounded(
    allocation: Allocation, registry: MemoryObjectRegistry, requests: list[AllocationRequest]
) -> None:
    with pytest.raises(InvalidArgument) as raised:
        await allocation.allocate(requests)
    assert raised.value.reason == "TOO_MANY_ITEMS"
    assert not registry.reserved
