"""ObjectService."""

from functools import partial
from typing import Any

from tams.metadata.v1 import object_pb2, object_service_pb2, object_service_pb2_grpc

from services.metadata.application.objects import Ages, Objects
from services.metadata.domain.object import MediaObject, State
from services.metadata.servicers.convert import optional
from services.shared.rpc.server import Registration


class ObjectServicer(object_service_pb2_grpc.ObjectServiceServicer):
    """Translates between messages and Objects."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def GetObject(
        self, request: object_service_pb2.GetObjectRequest, context: Any
    ) -> object_service_pb2.GetObjectResponse:
        """One object with a page of its references."""
        known, page = await self._objects.get(request.id, request.page_size, request.page_token)
        message = object_pb2.Object(
            id=known.id,
            referenced_by_flows=page.items,
            first_referenced_by_flow=known.first_referenced_by_flow or "",
            storage_id=known.storage_id or "",
            storage_path=known.storage_path or "",
            size=known.size,
        )
        return object_service_pb2.GetObjectResponse(
            object=message, next_page_token=page.next_token, page_size=page.size
        )

    async def ReserveObjects(
        self, request: object_service_pb2.ReserveObjectsRequest, context: Any
    ) -> object_service_pb2.ReserveObjectsResponse:
        """Reserve new objects for a flow."""
        objects = [
            MediaObject(one.object_id, one.storage_id, one.storage_path, State.ALLOCATED, request.flow_id)
            for one in request.objects
        ]
        container = await self._objects.reserve(request.flow_id, objects)
        return object_service_pb2.ReserveObjectsResponse(container=container)

    async def ListUnmeasuredObjects(
        self, request: object_service_pb2.ListUnmeasuredObjectsRequest, context: Any
    ) -> object_service_pb2.ListUnmeasuredObjectsResponse:
        """Objects to look at."""
        response = object_service_pb2.ListUnmeasuredObjectsResponse()
        for one in await self._objects.unmeasured(request.page_size):
            response.objects.add(object_id=one.id, storage_id=one.storage_id, storage_path=one.storage_path)
        return response

    async def RecordObjectSizes(
        self, request: object_service_pb2.RecordObjectSizesRequest, context: Any
    ) -> object_service_pb2.RecordObjectSizesResponse:
        """What was found."""
        sizes = {one.object_id: optional(one, "size") for one in request.objects}
        await self._objects.record_sizes(sizes)
        return object_service_pb2.RecordObjectSizesResponse()

    async def ClaimObjects(
        self, request: object_service_pb2.ClaimObjectsRequest, context: Any
    ) -> object_service_pb2.ClaimObjectsResponse:
        """Claim objects that nobody uses."""
        ages = Ages(optional(request, "unreferenced_seconds"), optional(request, "unregistered_seconds"))
        response = object_service_pb2.ClaimObjectsResponse()
        for one in await self._objects.claim(ages, request.page_size):
            response.objects.add(object_id=one.id, storage_id=one.storage_id, storage_path=one.storage_path)
        return response

    async def ForgetObjects(
        self, request: object_service_pb2.ForgetObjectsRequest, context: Any
    ) -> object_service_pb2.ForgetObjectsResponse:
        """The bytes of claimed objects are gone."""
        await self._objects.forget(request.object_ids)
        return object_service_pb2.ForgetObjectsResponse()


def registration(objects: Objects) -> Registration:
    """The service for a server."""
    add = object_service_pb2_grpc.add_ObjectServiceServicer_to_server
    return (
        object_service_pb2.DESCRIPTOR.services_by_name["ObjectService"],
        partial(add, ObjectServicer(objects)),
    )
