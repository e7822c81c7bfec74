"""ObjectService over a registry in memory, for tests of the services that call it."""
# ruff: noqa: N802, ARG002 - method names are the RPC names, and every RPC takes a context

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from grpc import aio
from tams.metadata.v1 import object_copy_service_pb2 as copies_pb
from tams.metadata.v1 import object_service_pb2 as pb
from tams.metadata.v1.object_copy_service_pb2_grpc import (
    ObjectCopyServiceServicer,
    add_ObjectCopyServiceServicer_to_server,
)
from tams.metadata.v1.object_pb2 import ObjectLocation as LocationMessage
from tams.metadata.v1.object_service_pb2_grpc import (
    ObjectServiceServicer,
    add_ObjectServiceServicer_to_server,
)

from services.media.domain.object import Ages, ObjectLocation, ObjectSize, Reservation
from services.shared.errors import TamsError
from services.shared.process.settings import ProcessSettings
from services.shared.rpc.client import open_channel
from services.shared.rpc.server import RpcServer, serving
from services.shared.rpc.status import to_failure
from tests.support.storage.backends import MemoryObjectRegistry

COPY_SERVICE = copies_pb.DESCRIPTOR.services_by_name["ObjectCopyService"]
OBJECT_SERVICE = pb.DESCRIPTOR.services_by_name["ObjectService"]


class MemoryObjectService(ObjectServiceServicer):
    """The part of ObjectService that the media service uses."""

    def __init__(self, registry: MemoryObjectRegistry) -> None:
        self._registry = registry

    async def BatchReserveObjects(
        self, request: pb.BatchReserveObjectsRequest, context: object
    ) -> pb.BatchReserveObjectsResponse:
        outcomes = await self._registry.reserve(list(map(_reservation, request.requests)))
        return pb.BatchReserveObjectsResponse(results=map(_result, outcomes))

    async def RegisterStorageBackends(
        self, request: pb.RegisterStorageBackendsRequest, context: object
    ) -> pb.RegisterStorageBackendsResponse:
        await self._registry.register_backends({backend.id: backend.label for backend in request.backends})
        return pb.RegisterStorageBackendsResponse()

    async def LocateObjects(
        self, request: pb.LocateObjectsRequest, context: object
    ) -> pb.LocateObjectsResponse:
        return pb.LocateObjectsResponse(
            objects=[
                pb.LocatedObject(
                    location=LocationMessage(
                        object_id=location.object_id,
                        storage_id=location.storage_id,
                        storage_path=location.storage_path,
                    ),
                    size=size,
                )
                for location, size in await self._registry.locate(request.object_ids)
            ]
        )

    async def GetUploadTarget(
        self, request: pb.GetUploadTargetRequest, context: object
    ) -> pb.GetUploadTargetResponse:
        location, container = await self._registry.upload_target(request.object_id)
        return pb.GetUploadTargetResponse(
            location=LocationMessage(
                object_id=location.object_id,
                storage_id=location.storage_id,
                storage_path=location.storage_path,
            ),
            container=container,
        )

    async def ListUnmeasuredObjects(
        self, request: pb.ListUnmeasuredObjectsRequest, context: object
    ) -> pb.ListUnmeasuredObjectsResponse:
        due = await self._registry.list_unmeasured(request.page_size)
        return pb.ListUnmeasuredObjectsResponse(
            objects=[
                LocationMessage(
                    object_id=location.object_id,
                    storage_id=location.storage_id,
                    storage_path=location.storage_path,
                )
                for location in due
            ]
        )

    async def ClaimObjects(self, request: pb.ClaimObjectsRequest, context: object) -> pb.ClaimObjectsResponse:
        ages = Ages(
            request.unreferenced_seconds if request.HasField("unreferenced_seconds") else None,
            request.unregistered_seconds if request.HasField("unregistered_seconds") else None,
        )
        claimed = await self._registry.claim(ages, request.page_size)
        return pb.ClaimObjectsResponse(
            objects=[
                LocationMessage(
                    object_id=location.object_id,
                    storage_id=location.storage_id,
                    storage_path=location.storage_path,
                )
                for location in claimed
            ]
        )

    async def ForgetObjects(
        self, request: pb.ForgetObjectsRequest, context: object
    ) -> pb.ForgetObjectsResponse:
        await self._registry.forget(request.object_ids)
        return pb.ForgetObjectsResponse()

    async def AddObjectAccesses(
        self, request: pb.AddObjectAccessesRequest, context: object
    ) -> pb.AddObjectAccessesResponse:
        places = {(one.storage_id, one.storage_path): one.urls for one in request.places}
        await self._registry.add_accesses(places)
        return pb.AddObjectAccessesResponse()

    async def RecordObjectSizes(
        self, request: pb.RecordObjectSizesRequest, context: object
    ) -> pb.RecordObjectSizesResponse:
        await self._registry.record_sizes(
            [
                ObjectSize(measured.object_id, measured.size if measured.HasField("size") else None)
                for measured in request.objects
            ]
        )
        return pb.RecordObjectSizesResponse()


class NoCopies(ObjectCopyServiceServicer):
    """An ObjectCopyService without copies."""

    async def ClaimObjectCopies(
        self, request: copies_pb.ClaimObjectCopiesRequest, context: object
    ) -> copies_pb.ClaimObjectCopiesResponse:
        return copies_pb.ClaimObjectCopiesResponse()


def _reservation(request: pb.ReserveObjectsRequest) -> Reservation:
    locations = [
        ObjectLocation(location.object_id, location.storage_id, location.storage_path)
        for location in request.objects
    ]
    return Reservation(request.flow_id, locations, request.request_id)


def _result(outcome: str | TamsError) -> pb.ReserveObjectsResult:
    if isinstance(outcome, TamsError):
        return pb.ReserveObjectsResult(failure=to_failure(outcome))
    return pb.ReserveObjectsResult(response=pb.ReserveObjectsResponse(container=outcome))


@asynccontextmanager
async def running_object_service(registry: MemoryObjectRegistry, port: int = 0) -> AsyncIterator[RpcServer]:
    """The service on loopback."""
    # At run time the omitted method answers UNIMPLEMENTED. Only the type stubs declare it abstract.
    servicer = MemoryObjectService(registry)  # type: ignore[abstract]
    add = partial(add_ObjectServiceServicer_to_server, servicer)
    settings = ProcessSettings(port=port, drain_seconds=0, grace_seconds=1)
    add_copies = partial(add_ObjectCopyServiceServicer_to_server, NoCopies())  # type: ignore[abstract]
    async with serving(settings, [(OBJECT_SERVICE, add), (COPY_SERVICE, add_copies)]) as server:
        yield server


def object_channel(port: int) -> aio.Channel:
    return open_channel(f"127.0.0.1:{port}", [OBJECT_SERVICE])
