"""The gRPC service UnusedObjectService."""

from functools import partial
from typing import Final

from tams.media.v1 import unused_object_service_pb2 as pb
from tams.media.v1 import unused_object_service_pb2_grpc
from tams.type.v1 import unused_object_pb2

from services.media.application.unused_objects import UnusedObjects
from services.media.domain.object import Cause, UnusedObject
from services.shared.rpc.interceptors import Context
from services.shared.rpc.server import Registration

_CAUSES: Final = {
    Cause.UNREFERENCED: unused_object_pb2.UNUSED_CAUSE_UNREFERENCED,
    Cause.UNREGISTERED: unused_object_pb2.UNUSED_CAUSE_UNREGISTERED,
    Cause.CLAIMED: unused_object_pb2.UNUSED_CAUSE_CLAIMED,
}


class UnusedObjectServicer(unused_object_service_pb2_grpc.UnusedObjectServiceServicer):
    """Translates between messages and UnusedObjects."""

    def __init__(self, unused_objects: UnusedObjects) -> None:
        self._unused_objects = unused_objects

    async def ListUnusedObjects(
        self, request: pb.ListUnusedObjectsRequest, context: Context
    ) -> pb.ListUnusedObjectsResponse:
        """A page of the objects whose bytes are to be deleted."""
        page = await self._unused_objects.page(request.page_size, request.page_token)
        return pb.ListUnusedObjectsResponse(
            unused_objects=map(_message, page.objects), next_page_token=page.next_token, page_size=page.size
        )

    async def ReclaimUnusedObjects(
        self, request: pb.ReclaimUnusedObjectsRequest, context: Context
    ) -> pb.ReclaimUnusedObjectsResponse:
        """Delete the bytes of objects that are due now."""
        reclaimed = await self._unused_objects.reclaim()
        return pb.ReclaimUnusedObjectsResponse(**reclaimed._asdict())


def registration(unused_objects: UnusedObjects) -> Registration:
    """The service to add to a server."""
    add = unused_object_service_pb2_grpc.add_UnusedObjectServiceServicer_to_server
    return (
        pb.DESCRIPTOR.services_by_name["UnusedObjectService"],
        partial(add, UnusedObjectServicer(unused_objects)),
    )


def _message(one: UnusedObject) -> unused_object_pb2.UnusedObject:
    message = unused_object_pb2.UnusedObject(
        id=one.location.object_id,
        storage_id=one.location.storage_id,
        storage_path=one.location.storage_path,
        size=one.size,
        cause=_CAUSES[one.cause],
    )
    message.unused_since.FromDatetime(one.unused_since)
    return message
