"""The port ObjectRegistry, as all its implementations fulfil it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.media.adapters.object_registry import GrpcObjectRegistry
from services.media.application.ports import ObjectRegistry
from services.media.domain.object import (
    Ages,
    LocatedObject,
    ObjectLocation,
    ObjectSize,
    Reservation,
    UploadTarget,
)
from services.shared.errors import AlreadyExists, FailedPrecondition, NotFound, PermissionDenied, TamsError
from tests.support.rpc.object_service import object_channel, running_object_service
from tests.support.services.metadata import metadata_channel, put_flow, running_metadata
from tests.support.storage.backends import BACKEND_ID, MemoryObjectRegistry

FLOW = "10000000-0000-4000-8000-000000000001"
BARE_FLOW = "10000000-0000-4000-8000-000000000002"
READ_ONLY_FLOW = "10000000-0000-4000-8000-000000000003"
NO_FLOW = "10000000-0000-4000-8000-000000000004"


@asynccontextmanager
async def in_memory(folder: Path) -> AsyncIterator[ObjectRegistry]:
    yield memory_registry()


@asynccontextmanager
async def over_grpc(folder: Path) -> AsyncIterator[ObjectRegistry]:
    async with running_object_service(memory_registry()) as server, object_channel(server.port) as channel:
        yield GrpcObjectRegistry(channel)


@asynccontextmanager
async def in_the_metadata_service(folder: Path) -> AsyncIterator[ObjectRegistry]:
    async with running_metadata(folder) as server, metadata_channel(server.port) as channel:
        await put_flow(channel, FLOW, container="video/mp2t")
        await put_flow(channel, BARE_FLOW, container=None)
        await put_flow(channel, READ_ONLY_FLOW, read_only=True)
        yield GrpcObjectRegistry(channel)


def memory_registry() -> MemoryObjectRegistry:
    containers = {FLOW: "video/mp2t", BARE_FLOW: None, READ_ONLY_FLOW: "video/mp2t"}
    return MemoryObjectRegistry(containers, read_only=[READ_ONLY_FLOW])


@pytest.fixture(params=[in_memory, over_grpc, in_the_metadata_service])
async def registry(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectRegistry]:
    async with request.param(tmp_path) as opened:
        yield opened


async def reserve(registry: ObjectRegistry, flow: str, objects: Sequence[ObjectLocation]) -> str:
    (outcome,) = await registry.reserve([Reservation(flow, objects)])
    if isinstance(outcome, TamsError):
        raise outcome
    return outcome


def an_object(name: str) -> ObjectLocation:
    return ObjectLocation(name, BACKEND_ID, f"2026/03/04/{name}")


async def test_a_reservation_returns_the_container(registry: ObjectRegistry) -> None:
    assert await reserve(registry, FLOW, [an_object("a"), an_object("b/é")]) == "video/mp2t"


async def test_an_empty_reservation_checks_the_flow(registry: ObjectRegistry) -> None:
    assert await reserve(registry, FLOW, []) == "video/mp2t"
    with pytest.raises(NotFound):
        await reserve(registry, NO_FLOW, [])


@pytest.mark.parametrize(
    ("flow", "error", "reason"),
    [
        (NO_FLOW, NotFound, "FLOW_NOT_FOUND"),
        ("no-uuid", NotFound, "FLOW_NOT_FOUND"),
        (READ_ONLY_FLOW, PermissionDenied, "FLOW_READ_ONLY"),
        (BARE_FLOW, FailedPrecondition, "NO_CONTAINER"),
    ],
)
async def test_a_flow_that_may_not_own_objects_is_refused(
    registry: ObjectRegistry, flow: str, error: type[TamsError], reason: str
) -> None:
    with pytest.raises(error) as raised:
        await reserve(registry, flow, [an_object("a")])
    assert raised.value.reason == reason


async def test_an_id_in_use_refuses_the_whole_reservation(registry: ObjectRegistry) -> None:
    await reserve(registry, FLOW, [an_object("taken")])
    with pytest.raises(AlreadyExists) as raised:
        await reserve(registry, FLOW, [an_object("new"), an_object("taken")])
    assert raised.value.reason == "OBJECT_EXISTS"
    await reserve(registry, FLOW, [an_object("new")])


async def test_an_id_repeated_in_a_reservation_is_refused(registry: ObjectRegistry) -> None:
    with pytest.raises(AlreadyExists):
        await reserve(registry, FLOW, [an_object("twice"), an_object("twice")])
    await reserve(registry, FLOW, [an_object("twice")])


async def test_each_of_many_reservations_has_its_own_outcome(registry: ObjectRegistry) -> None:
    outcomes = await registry.reserve(
        [
            Reservation(FLOW, [an_object("a"), an_object("b")]),
            Reservation(NO_FLOW, [an_object("c")]),
            Reservation(FLOW, [an_object("c"), an_object("b")], "a request"),
            Reservation(FLOW, [an_object("c")]),
            Reservation(READ_ONLY_FLOW, []),
        ]
    )
    assert [outcome.reason if isinstance(outcome, TamsError) else outcome for outcome in outcomes] == [
        "video/mp2t",
        "FLOW_NOT_FOUND",
        "OBJECT_EXISTS",
        "video/mp2t",
        "FLOW_READ_ONLY",
    ]
    located = await registry.locate(["a", "b", "c"])
    assert {found.location.object_id for found in located} == {"a", "b", "c"}


async def test_reserved_objects_are_not_measured_before_their_registration(registry: ObjectRegistry) -> None:
    await reserve(registry, FLOW, [an_object("a")])
    assert await registry.list_unmeasured(10) == []


async def test_sizes_of_unknown_objects_are_ignored(registry: ObjectRegistry) -> None:
    await registry.record_sizes([ObjectSize("nobody", 3), ObjectSize("nobody-else", None)])
    await registry.record_sizes([])


async def test_accesses_are_added_and_those_of_unknown_places_are_ignored(registry: ObjectRegistry) -> None:
    await reserve(registry, FLOW, [an_object("a")])
    (_, *place) = an_object("a")
    for _ in range(2):
        await registry.add_accesses({(place[0], place[1]): 2, (place[0], "nowhere"): 1})
    await registry.add_accesses({})


async def test_unregistered_objects_are_claimed_once_they_are_old_enough(
    registry: ObjectRegistry,
) -> None:
    await reserve(registry, FLOW, [an_object("a"), an_object("b")])
    assert await registry.claim(Ages(None, None), 10) == []
    first = await registry.claim(Ages(None, 0), 1)
    second = await registry.claim(Ages(0, 0), 10)
    assert {location.object_id: location for location in first + second} == {
        name: an_object(name) for name in "ab"
    }
    assert len(first) == len(second) == 1
    assert await registry.claim(Ages(0, 0), 10) == []
    for _ in range(2):
        await registry.forget(["a", "b", "nobody"])


async def test_objects_in_any_state_are_located_with_their_size(registry: ObjectRegistry) -> None:
    await reserve(registry, FLOW, [an_object("a"), an_object("b/é"), an_object("c")])
    await registry.record_sizes([ObjectSize("a", 0)])
    located = await registry.locate(["c", "nobody", "b/é", "a", "a"])
    assert {found.location.object_id: found for found in located} == {
        "a": LocatedObject(an_object("a"), 0),
        "b/é": LocatedObject(an_object("b/é"), None),
        "c": LocatedObject(an_object("c"), None),
    }
    assert await registry.locate([]) == []


async def test_an_allocated_object_can_be_uploaded_with_the_container_of_its_flow(
    registry: ObjectRegistry,
) -> None:
    await reserve(registry, FLOW, [an_object("a"), an_object("b/é")])
    assert await registry.upload_target("b/é") == UploadTarget(an_object("b/é"), "video/mp2t")


async def test_an_object_that_is_unknown_or_claimed_cannot_be_uploaded(registry: ObjectRegistry) -> None:
    await reserve(registry, FLOW, [an_object("a")])
    await registry.claim(Ages(None, 0), 1)
    for object_id in ("a", "nobody", ""):
        with pytest.raises(NotFound) as raised:
            await registry.upload_target(object_id)
        assert raised.value.reason == "OBJECT_NOT_FOUND"
