"""The allocation of objects: requests that wait together share a call, and each has its own outcome."""

# ruff: noqa: N802, ARG002 - method names are the RPC names, and every RPC takes a context

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest
from tams.media.v1 import storage_service_pb2
from tams.media.v1.storage_service_pb2 import (
    AllocatedObjects,
    AllocateStorageRequest,
    AllocateStorageResult,
    BatchAllocateStorageRequest,
    BatchAllocateStorageResponse,
    ObjectIds,
)
from tams.media.v1.storage_service_pb2_grpc import (
    StorageServiceServicer,
    add_StorageServiceServicer_to_server,
)

from gateway.clients.services import Services
from gateway.clients.storage import StorageAllocator, storage_allocator
from services.shared.access import caller
from services.shared.access.principal import Principal, Scope
from services.shared.errors import PermissionDenied
from services.shared.process import logs
from services.shared.process.settings import ProcessSettings
from services.shared.rpc.client import open_channel
from services.shared.rpc.server import serving
from services.shared.rpc.status import to_failure
from services.shared.telemetry.metrics import Metrics

SERVICE = storage_service_pb2.DESCRIPTOR.services_by_name["StorageService"]
READ_ONLY = PermissionDenied("the flow is read-only", reason="FLOW_READ_ONLY")


class Media(StorageServiceServicer):
    """A storage service that refuses only the allocations of the flow "bad"."""

    def __init__(self) -> None:
        self.batches: list[list[AllocateStorageRequest]] = []

    async def BatchAllocateStorage(
        self, request: BatchAllocateStorageRequest, context: object
    ) -> BatchAllocateStorageResponse:
        self.batches.append(list(request.requests))
        return BatchAllocateStorageResponse(results=map(_result, request.requests))


def _result(request: AllocateStorageRequest) -> AllocateStorageResult:
    if request.flow_id == "bad":
        return AllocateStorageResult(failure=to_failure(READ_ONLY))
    return AllocateStorageResult(objects=AllocatedObjects(object_ids=[request.flow_id]))


@pytest.fixture
async def media() -> Media:
    # The missing methods are abstract for the type checker only. At run time they answer UNIMPLEMENTED.
    return Media()  # type: ignore[abstract]


@pytest.fixture
async def allocate(media: Media) -> AsyncIterator[StorageAllocator]:
    add = partial(add_StorageServiceServicer_to_server, media)
    settings = ProcessSettings(drain_seconds=0, grace_seconds=0)
    async with (
        serving(settings, [(SERVICE, add)]) as server,
        open_channel(f"127.0.0.1:{server.port}", [SERVICE]) as channel,
    ):
        yield storage_allocator(Services(channel, channel, channel, channel), Metrics())


def request_for(flow_id: str, limit: int | None = None) -> AllocateStorageRequest:
    return AllocateStorageRequest(flow_id=flow_id, limit=limit)


def sizes(media: Media) -> list[int]:
    return sorted(map(len, media.batches))


async def test_a_refusal_goes_to_its_own_caller(allocate: StorageAllocator, media: Media) -> None:
    flows = ("a", "bad", "b", "bad", "c")
    answers = await asyncio.gather(*(allocate(request_for(flow)) for flow in flows), return_exceptions=True)
    assert [
        list(answer.object_ids) if isinstance(answer, AllocatedObjects) else type(answer)
        for answer in answers
    ] == [["a"], PermissionDenied, ["b"], PermissionDenied, ["c"]]
    assert sizes(media) == [1, 4]
    with pytest.raises(PermissionDenied):
        await allocate(request_for("bad"))


async def test_each_request_keeps_its_id(allocate: StorageAllocator, media: Media) -> None:
    async def of_request(name: str) -> None:
        logs.request_id.set(name)
        await allocate(request_for(name))

    await asyncio.gather(*map(of_request, "abcd"))
    sent = [request for batch in media.batches for request in batch]
    assert {request.flow_id: request.request_id for request in sent} == {name: name for name in "abcd"}


async def test_requests_of_different_callers_do_not_share_a_call(
    allocate: StorageAllocator, media: Media
) -> None:
    async def of_caller(name: str) -> None:
        caller.principal.set(Principal.of(name, [Scope.WRITE]))
        await allocate(request_for(name))

    await asyncio.gather(*map(of_caller, "abab"))
    assert all(len({request.flow_id for request in batch}) == 1 for batch in media.batches)


async def test_a_call_holds_a_bounded_number_of_objects(allocate: StorageAllocator, media: Media) -> None:
    await asyncio.gather(
        *(
            allocate(request)
            for request in (
                request_for("a"),
                *[request_for("b", 200)] * 6,
                request_for("c", 201),
                AllocateStorageRequest(flow_id="d", object_ids=ObjectIds(ids=["x" * 700] * 100)),
                *[request_for("e", -1)] * 50,
                *[request_for("b", 200)] * 6,
            )
        )
    )
    assert max(sum(max(request.limit, 0) for request in batch) for batch in media.batches) <= 1000
    assert max(map(len, media.batches)) > 50
    alone = [batch for batch in media.batches if batch[0].flow_id in ("c", "d")]
    assert list(map(len, alone)) == [1, 1]
