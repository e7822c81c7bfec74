"""Implements the port Objects with calls to the metadata service on behalf of the caller."""

from collections.abc import Sequence
from typing import Final

from grpc import aio
from tams.metadata.v1 import object_service_pb2, object_service_pb2_grpc

from services.shared.rpc.client import call

OBJECTS: Final = object_service_pb2.DESCRIPTOR.services_by_name["ObjectService"]
# The most ids in one call.
_SLICE: Final = 1000


class GrpcObjects:
    """Objects over a channel to the metadata service."""

    def __init__(self, channel: aio.Channel) -> None:
        self._stub = object_service_pb2_grpc.ObjectServiceStub(channel)

    async def seen(self, object_ids: Sequence[str]) -> frozenset[str]:
        """The objects, among at most 1000, that the caller sees. Unavailable if metadata does not answer."""
        request = object_service_pb2.LocateObjectsRequest(object_ids=object_ids[:_SLICE])
        reply = await call(self._stub.LocateObjects, request)
        return frozenset(located.location.object_id for located in reply.objects)
