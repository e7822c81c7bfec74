"""The gRPC service ObjectAccessService."""

from functools import partial
from typing import Final

from tams.analytics.v1 import object_access_service_pb2 as pb
from tams.analytics.v1 import object_access_service_pb2_grpc

from services.analytics.application.object_accesses import ObjectAccesses
from services.analytics.servicers import convert
from services.shared.paging import page_size
from services.shared.rpc.interceptors import Context
from services.shared.rpc.server import Registration

DEFAULT_OBJECTS: Final = 20
MAX_OBJECTS: Final = 1000


class ObjectAccessServicer(object_access_service_pb2_grpc.ObjectAccessServiceServicer):
    """Returns the most and the least accessed objects."""

    def __init__(self, accesses: ObjectAccesses) -> None:
        self._accesses = accesses

    async def ListObjectAccesses(
        self, request: pb.ListObjectAccessesRequest, context: Context
    ) -> pb.ListObjectAccessesResponse:
        """The objects with the most or the fewest URLs."""
        limit = page_size(request.max_objects, default=DEFAULT_OBJECTS, maximum=MAX_OBJECTS)
        objects, complete = await self._accesses.list(least=request.least, limit=limit)
        return pb.ListObjectAccessesResponse(objects=map(convert.access_message, objects), complete=complete)


def registration(accesses: ObjectAccesses) -> Registration:
    """The service to add to a server."""
    add = object_access_service_pb2_grpc.add_ObjectAccessServiceServicer_to_server
    return (
        pb.DESCRIPTOR.services_by_name["ObjectAccessService"],
        partial(add, ObjectAccessServicer(accesses)),
    )
