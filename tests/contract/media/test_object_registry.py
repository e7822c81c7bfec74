"""What every ObjectRegistry promises."""

from contextlib import asynccontextmanager

import pytest

from services.media.adapters.object_registry import GrpcObjectRegistry
from services.media.domain.object import Ages, ObjectLocation, ObjectSize
from services.shared.errors import AlreadyExists, FailedPrecondition, NotFound, PermissionDenied
from tests.support.metadata_service import metadata_channel, put_flow, running_metadata
from tests.support.object_service import object_channel, running_object_service
from tests.support.storage import BACKEND_ID, MemoryObjectRegistry

FLOW = "10000000-0000-4000-8000-000000000001"
BARE_FLOW = "10000000-0000-4000-8000-000000000002"
READ_ONLY_FLOW = "10000000-0000-4000-8000-000000000003"
NO_FLOW = "10000000-0000-4000-8000-000000000004"


@asynccontextmanager
async def in_memory(folder):
    yield memory_registry()


@asynccontextmanager
async def over_grpc(folder):
    async with running_object_service(memory_registry()) as server, object_channel(server.port) as channel:
        yield GrpcObjectRegistry(channel)


@asynccontextmanager
async def in_the_metadata_service(folder):
    async with running_metadata(folder) as server, metadata_channel(server.port) as channel:
        await put_flow(channel, FLOW, container="video/mp2t")
        await put_flow(channel, BARE_FLOW, container=None)
        await put_flow(channel, READ_ONLY_FLOW, read_only=True)
        yield GrpcObjectRegistry(channel)


def memory_registry():
    containers = {FLOW: "video/mp2t", BARE_FLOW: None, READ_ONLY_FLOW: "video/mp2t"}
    return MemoryObjectRegistry(containers, read_only=[READ_ONLY_FLOW])


@pytest.fixture(params=[in_memory, over_grpc, in_the_metadata_service])
async def registry(request, tmp_path):
    async with request.param(tmp_path) as kept:
        yield kept


def an_object(name):
    return ObjectLocation(name, BACKEND_ID, f"2026/03/04/{name}")


async def test_reserving_returns_the_container(registry):
    assert await registry.reserve(FLOW, [an_object("a"), an_object("b/é")]) == "video/mp2t"


async def test_reserving_nothing_checks_the_flow(registry):
    assert await registry.reserve(FLOW, []) == "video/mp2t"
    with pytest.raises(NotFound):
        await registry.reserve(NO_FLOW, [])


@pytest.mark.parametrize(
    ("flow", "error", "reason"),
    [
        (NO_FLOW, NotFound, "FLOW_NOT_FOUND"),
        ("no-uuid", NotFound, "FLOW_NOT_FOUND"),
        (READ_ONLY_FLOW, PermissionDenied, "FLOW_READ_ONLY"),
        (BARE_FLOW, FailedPrecondition, "NO_CONTAINER"),
    ],
)
async def test_a_flow_that_may_not_own_objects(registry, flow, error, reason):
    with pytest.raises(error) as raised:
        await registry.reserve(flow, [an_object("a")])
    assert raised.value.reason == reason


async def test_all_are_reserved_or_none(registry):
    await registry.reserve(FLOW, [an_object("taken")])
    with pytest.raises(AlreadyExists) as raised:
        await registry.reserve(FLOW, [an_object("new"), an_object("taken")])
    assert raised.value.reason == "OBJECT_EXISTS"
    await registry.reserve(FLOW, [an_object("new")])


async def test_an_id_repeated_within_one_call_is_taken(registry):
    with pytest.raises(AlreadyExists):
        await registry.reserve(FLOW, [an_object("twice"), an_object("twice")])
    await registry.reserve(FLOW, [an_object("twice")])


async def test_reserved_objects_are_not_due_before_a_segment_names_them(registry):
    await registry.reserve(FLOW, [an_object("a")])
    assert await registry.unmeasured(10) == []


async def test_sizes_of_unknown_objects_are_passed_over(registry):
    await registry.record_sizes([ObjectSize("nobody", 3), ObjectSize("nobody-else", None)])
    await registry.record_sizes([])


async def test_objects_that_nobody_registers_are_claimed_once_they_are_old_enough(registry):
    await registry.reserve(FLOW, [an_object("a"), an_object("b")])
    assert await registry.claim(Ages(None, None), 10) == []
    first = await registry.claim(Ages(None, 0), 1)
    second = await registry.claim(Ages(0, 0), 10)
    assert {one.object_id: one for one in first + second} == {name: an_object(name) for name in "ab"}
    assert len(first) == len(second) == 1
    assert await registry.claim(Ages(0, 0), 10) == []
    for _ in range(2):
        await registry.forget(["a", "b", "nobody"])
