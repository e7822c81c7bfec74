"""The object registry, kept by the metadata service."""

from collections.abc import Sequence

from grpc import aio
from tams.metadata.v1.object_pb2 import ObjectLocation as LocationMessage
from tams.metadata.v1.object_service_pb2 import (
    ClaimObjectsRequest,
    ForgetObjectsRequest,
    ListUnmeasuredObjectsRequest,
    RecordObjectSizesRequest,
    ReserveObjectsRequest,
)
from tams.metadata.v1.object_service_pb2 import ObjectSize as SizeMessage
from tams.metadata.v1.object_service_pb2_grpc import ObjectServiceStub

from services.media.domain.object import Ages, ObjectLocation, ObjectSize
from services.shared.rpc.client import call


class GrpcObjectRegistry:
    """Meets ObjectRegistry by calls to ObjectService."""

    def __init__(self, channel: aio.Channel) -> None:
        self._stub = ObjectServiceStub(channel)

    async def reserve(self, flow_id: str, objects: Sequence[ObjectLocation]) -> str:
        """Reserve all the objects for a flow, or none; return the flow's container."""
        messages = [
            LocationMessage(object_id=one.object_id, storage_id=one.storage_id, storage_path=one.storage_path)
            for one in objects
        ]
        request = ReserveObjectsRequest(flow_id=flow_id, objects=messages)
        return (await call(self._stub.ReserveObjects, request)).container

    async def unmeasured(self, limit: int) -> list[ObjectLocation]:
        """Objects whose size is unknown and due to be looked at, oldest first."""
        request = ListUnmeasuredObjectsRequest(page_size=limit)
        reply = await call(self._stub.ListUnmeasuredObjects, request)
        return [ObjectLocation(one.object_id, one.storage_id, one.storage_path) for one in reply.objects]

    async def record_sizes(self, sizes: Sequence[ObjectSize]) -> None:
        """Store what was found."""
        messages = [SizeMessage(object_id=one.object_id, size=one.size) for one in sizes]
        await call(self._stub.RecordObjectSizes, RecordObjectSizesRequest(objects=messages))

    async def claim(self, ages: Ages, limit: int) -> list[ObjectLocation]:
        """Up to `limit` objects that nobody uses, put out of reach."""
        request = ClaimObjectsRequest(
            unreferenced_seconds=ages.unreferenced, unregistered_seconds=ages.unregistered, page_size=limit
        )
        reply = await call(self._stub.ClaimObjects, request)
        return [ObjectLocation(one.object_id, one.storage_id, one.storage_path) for one in reply.objects]

    async def forget(self, object_ids: Sequence[str]) -> None:
        """The bytes of claimed objects are gone."""
        await call(self._stub.ForgetObjects, ForgetObjectsRequest(object_ids=object_ids))
