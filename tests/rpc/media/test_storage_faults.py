"""Media while the network to its storage breaks, or the storage answers with errors."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tams.media.v1 import multipart_upload_service_pb2 as pb
from tams.media.v1.multipart_upload_service_pb2_grpc import MultipartUploadServiceStub
from tams.media.v1.status_service_pb2 import GetStatusRequest
from tams.media.v1.status_service_pb2_grpc import StatusServiceStub
from tams.media.v1.storage_service_pb2 import (
    PRESENCE_STORED,
    PRESENCE_UNREACHABLE,
    AllocatedObject,
    AllocateStorageRequest,
    LookForObjectsRequest,
)
from tams.media.v1.unused_object_service_pb2 import ReclaimUnusedObjectsRequest
from tams.media.v1.unused_object_service_pb2_grpc import UnusedObjectServiceStub

from services.shared.errors import TamsError, Unavailable
from services.shared.rpc.client import call
from tests.rpc.media.conftest import Media, Serve
from tests.support.processes.polling import until
from tests.support.storage.backends import OTHER_BACKEND_ID
from tests.support.storage.faulty_network import ANSWERS, BROKEN, FINE, FaultyNetwork, faulty_network

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from tams.media.v1.multipart_upload_service_pb2_grpc import MultipartUploadServiceAsyncStub

QUIET: dict[str, Any] = {"reclaim_idle_seconds": 600.0, "check_seconds": 0.1}
# Nothing that storage answers means that a request of a client is wrong.
FAULTS = [*BROKEN, *ANSWERS]


@asynccontextmanager
async def behind_a_network(
    serve: Serve, backend: dict[str, Any], **settings: Any
) -> AsyncIterator[tuple[Media, FaultyNetwork]]:
    """Media that reaches its storage through a network; clients do not."""
    async with faulty_network(backend["endpoint_url"]) as network:
        behind = {"endpoint_url": network.url, "public_endpoint_url": backend["endpoint_url"]}
        async with serve(backend | behind, **QUIET | settings) as media:
            yield media, network


async def allocate(media: Media, **options: Any) -> AllocatedObject:
    request = AllocateStorageRequest(flow_id="flow", limit=1, **options)
    return (await call(media.stub.AllocateStorage, request)).objects[0]


async def upload(media: Media, http: httpx.AsyncClient) -> str:
    allocated = await allocate(media)
    headers = {"Content-Type": allocated.content_type, **allocated.headers}
    assert (await http.put(allocated.put_url, content=b"media", headers=headers)).status_code == 200
    return allocated.object_id


@dataclass(frozen=True)
class LargeObject:
    """An object that is uploaded in parts, with one part in storage."""

    stub: "MultipartUploadServiceAsyncStub"
    object_id: str
    upload_id: str = ""

    async def create(self) -> str:
        request = pb.CreateMultipartUploadRequest(object_id=self.object_id)
        return (await call(self.stub.CreateMultipartUpload, request)).upload_id

    async def complete(self) -> int:
        request = pb.CompleteMultipartUploadRequest(object_id=self.object_id, upload_id=self.upload_id)
        return (await call(self.stub.CompleteMultipartUpload, request)).size


async def begin_large(media: Media, http: httpx.AsyncClient) -> LargeObject:
    stub, object_id = MultipartUploadServiceStub(media.channel), (await allocate(media)).object_id
    large = LargeObject(stub, object_id, await LargeObject(stub, object_id).create())
    sign = pb.SignPartsRequest(object_id=object_id, upload_id=large.upload_id, part_numbers=[1])
    (url,) = (await call(stub.SignParts, sign)).urls
    assert (await http.put(url, content=b"part")).status_code == 200
    return large


async def presence(media: Media, object_id: str) -> int:
    request = LookForObjectsRequest(object_ids=[object_id])
    return (await call(media.stub.LookForObjects, request)).presences[0]


async def is_stored(media: Media, object_id: str) -> bool:
    return await presence(media, object_id) == PRESENCE_STORED


async def is_circuit_open(media: Media, index: int = 0) -> bool:
    reply = await call(StatusServiceStub(media.channel).GetStatus, GetStatusRequest())
    return reply.backends[index].circuit_open


async def is_reachable(media: Media, index: int) -> bool:
    reply = await call(StatusServiceStub(media.channel).GetStatus, GetStatusRequest())
    return reply.backends[index].reachable


@pytest.mark.parametrize("fault", FAULTS)
async def test_nothing_is_lost_or_wrong_while_storage_fails(
    serve: Serve, backend: dict[str, Any], http: httpx.AsyncClient, fault: str
) -> None:
    """The first failure opens the circuit, so that a silent storage costs one time-out."""
    circuit = {"circuit_failures": 1, "circuit_seconds": 600.0}
    async with behind_a_network(serve, backend, **circuit) as (media, network):
        reclaim = UnusedObjectServiceStub(media.channel).ReclaimUnusedObjects
        kept, large = await upload(media, http), await begin_large(media, http)
        unused = media.registry.reserved[await upload(media, http)]
        media.registry.idle = [unused]

        network.fault = fault
        assert await presence(media, kept) == PRESENCE_UNREACHABLE
        for calling in (large.create, large.complete):
            with pytest.raises(Unavailable, match="storage local") as raised:
                await calling()
            assert raised.value.reason == "STORAGE_UNAVAILABLE"
            assert "127.0.0.1" not in raised.value.summary, "internal addresses belong only in the log"
        if ANSWERS.get(fault) == 403:
            # A refusal is an answer.
            assert not await is_circuit_open(media)
            assert (await call(reclaim, ReclaimUnusedObjectsRequest())).failed == 1
        else:
            assert await is_circuit_open(media)
            with pytest.raises(TamsError) as raised_tams:
                await call(reclaim, ReclaimUnusedObjectsRequest())
            assert raised_tams.value.reason == "STORAGE_UNAVAILABLE"
            assert media.registry.idle, "a claim would keep the object from the next rounds"

        network.fault = FINE
        await until(lambda: is_stored(media, kept))
        assert not await is_circuit_open(media)
        assert await large.complete() == len(b"part")
        media.registry.idle = [unused]
        assert (await call(reclaim, ReclaimUnusedObjectsRequest())).deleted == 1
        assert await presence(media, kept) == PRESENCE_STORED
        assert not media.registry.claimed


async def test_an_open_circuit_sends_no_requests_and_leaves_other_backends_alone(
    serve: Serve, backend: dict[str, Any], http: httpx.AsyncClient
) -> None:
    async with faulty_network(backend["endpoint_url"]) as network:
        cold = {"id": OTHER_BACKEND_ID, "label": "cold", "default_storage": False}
        behind = backend | cold | {"endpoint_url": network.url, "bucket": backend["bucket"] + "-cold"}
        # No check ends the pause.
        settings = QUIET | {"check_seconds": 600.0, "circuit_failures": 3, "circuit_seconds": 600.0}
        async with serve(backend, behind, **settings) as media:
            stored, away = await upload(media, http), await allocate(media, storage_id=OTHER_BACKEND_ID)
            path = media.registry.reserved[away.object_id].storage_path.encode()

            def sent() -> int:
                return sum(path in line for line in network.requests)

            await until(lambda: is_reachable(media, 1))
            network.fault = "reset"
            for _ in range(3):
                assert not await is_circuit_open(media, 1)
                assert await presence(media, away.object_id) == PRESENCE_UNREACHABLE
            assert await is_circuit_open(media, 1)
            for _ in range(20):
                assert await presence(media, away.object_id) == PRESENCE_UNREACHABLE
            assert sent() == 3
            assert await presence(media, stored) == PRESENCE_STORED
            assert not await is_circuit_open(media, 0)


async def test_measuring_goes_on_when_storage_is_back(
    serve: Serve, backend: dict[str, Any], http: httpx.AsyncClient
) -> None:
    circuit = {"circuit_failures": 1, "circuit_seconds": 600.0, "measure_busy_seconds": 0.05}
    async with behind_a_network(serve, backend, **circuit) as (media, network):
        object_id = await upload(media, http)
        network.fault = "cut-unannounced"
        media.registry.due = [media.registry.reserved[object_id]]
        await until(lambda: is_circuit_open(media))
        assert media.registry.sizes == {}
        network.fault = FINE
        await until(lambda: media.registry.sizes == {object_id: 5})
