"""The object registry of the metadata service, over gRPC."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Final

from grpc import aio
from tams.metadata.v1 import object_pb2, object_service_pb2, object_service_pb2_grpc
from tams.type.v1 import unused_object_pb2

from services.media.domain.object import (
    Ages,
    Cause,
    LocatedObject,
    ObjectLocation,
    ObjectSize,
    Reservation,
    UnusedObject,
    UnusedPage,
    UploadTarget,
)
from services.media.domain.reconciliation import PlacedObject
from services.shared.errors import TamsError
from services.shared.rpc.client import call
from services.shared.rpc.later_values import known
from services.shared.rpc.status import from_failure

OBJECT_SERVICE: Final = object_service_pb2.DESCRIPTOR.services_by_name["ObjectService"]

_CAUSES: Final = {
    unused_object_pb2.UNUSED_CAUSE_UNREFERENCED: Cause.UNREFERENCED,
    unused_object_pb2.UNUSED_CAUSE_UNREGISTERED: Cause.UNREGISTERED,
    unused_object_pb2.UNUSED_CAUSE_CLAIMED: Cause.CLAIMED,
}


class GrpcObjectRegistry:
    """Implements the ports ObjectRegistry and ObjectPlaces with calls to ObjectService."""

    def __init__(self, channel: aio.Channel) -> None:
        self._stub = object_service_pb2_grpc.ObjectServiceStub(channel)

    async def reserve(self, reservations: Sequence[Reservation]) -> list[str | TamsError]:
        """Make reservations: for each the container of its flow, or the error that refuses it."""
        requests = [
            object_service_pb2.ReserveObjectsRequest(
                flow_id=reservation.flow_id,
                objects=map(location_message, reservation.objects),
                request_id=reservation.request_id,
            )
            for reservation in reservations
        ]
        request = object_service_pb2.BatchReserveObjectsRequest(requests=requests)
        return list(map(_outcome, (await call(self._stub.BatchReserveObjects, request)).results))

    async def register_backends(self, labels: Mapping[str, str]) -> None:
        """Register all storage backends: their labels by id."""
        messages = [
            object_service_pb2.StorageBackendLabel(id=storage_id, label=label)
            for storage_id, label in labels.items()
        ]
        await call(
            self._stub.RegisterStorageBackends,
            object_service_pb2.RegisterStorageBackendsRequest(backends=messages),
        )

    async def locate(self, object_ids: Sequence[str]) -> list[LocatedObject]:
        """The locations and sizes of those objects that this store controls."""
        reply = await call(
            self._stub.LocateObjects, object_service_pb2.LocateObjectsRequest(object_ids=object_ids)
        )
        return [
            LocatedObject(location_of(located.location), located.size if located.HasField("size") else None)
            for located in reply.objects
        ]

    async def upload_target(self, object_id: str) -> UploadTarget:
        """The location and the container of an object that is allocated and not registered."""
        request = object_service_pb2.GetUploadTargetRequest(object_id=object_id)
        reply = await call(self._stub.GetUploadTarget, request)
        return UploadTarget(location_of(reply.location), reply.container)

    async def list_unmeasured(self, limit: int) -> list[ObjectLocation]:
        """Up to `limit` objects whose size is due to be measured, oldest first."""
        request = object_service_pb2.ListUnmeasuredObjectsRequest(page_size=limit)
        reply = await call(self._stub.ListUnmeasuredObjects, request)
        return list(map(location_of, reply.objects))

    async def record_sizes(self, sizes: Sequence[ObjectSize]) -> None:
        """Store the sizes of objects."""
        messages = [
            object_service_pb2.ObjectSize(
                object_id=measured.object_id, size=measured.size, etag=measured.etag
            )
            for measured in sizes
        ]
        await call(
            self._stub.RecordObjectSizes, object_service_pb2.RecordObjectSizesRequest(objects=messages)
        )

    async def add_accesses(self, urls: Mapping[tuple[str, str], int]) -> None:
        """Add numbers of signed URLs to the objects at places."""
        places = [
            object_service_pb2.PlaceAccess(storage_id=storage_id, storage_path=path, urls=number)
            for (storage_id, path), number in urls.items()
        ]
        await call(self._stub.AddObjectAccesses, object_service_pb2.AddObjectAccessesRequest(places=places))

    async def list_places(
        self, storage_id: str, prefix: str, token: str
    ) -> tuple[Sequence[PlacedObject], str]:
        """A page of the objects and copies of a backend by path, and the token of the next page."""
        request = object_service_pb2.ListObjectPlacesRequest(
            storage_id=storage_id, prefix=prefix, page_token=token
        )
        reply = await call(self._stub.ListObjectPlaces, request)
        return list(map(_placed, reply.objects)), reply.next_page_token

    async def find_at(self, storage_ids: Sequence[str], paths: Sequence[str]) -> list[PlacedObject]:
        """The objects and copies at paths on any of these backends."""
        request = object_service_pb2.FindObjectsByPlaceRequest(storage_ids=storage_ids, storage_paths=paths)
        return list(map(_placed, (await call(self._stub.FindObjectsByPlace, request)).objects))

    async def list_unused(self, ages: Ages, page_size: int, page_token: str) -> UnusedPage:
        """A page of the objects that `claim` would take, in its order."""
        request = object_service_pb2.ListUnusedObjectsRequest(
            unreferenced_seconds=ages.unreferenced,
            unregistered_seconds=ages.unregistered,
            page_size=page_size,
            page_token=page_token,
        )
        reply = await call(self._stub.ListUnusedObjects, request)
        return UnusedPage(list(map(_unused, reply.unused_objects)), reply.next_page_token, reply.page_size)

    async def claim(self, ages: Ages, limit: int) -> list[ObjectLocation]:
        """Claim up to `limit` unused objects with their copies, so that no segment can use them any more."""
        request = object_service_pb2.ClaimObjectsRequest(
            unreferenced_seconds=ages.unreferenced, unregistered_seconds=ages.unregistered, page_size=limit
        )
        reply = await call(self._stub.ClaimObjects, request)
        return list(map(location_of, (*reply.objects, *reply.copies)))

    async def forget(self, object_ids: Sequence[str]) -> None:
        """Remove claimed objects whose bytes are deleted."""
        await call(self._stub.ForgetObjects, object_service_pb2.ForgetObjectsRequest(object_ids=object_ids))


def location_message(location: ObjectLocation) -> object_pb2.ObjectLocation:
    """The message of a location."""
    return object_pb2.ObjectLocation(
        object_id=location.object_id, storage_id=location.storage_id, storage_path=location.storage_path
    )


def _outcome(result: object_service_pb2.ReserveObjectsResult) -> str | TamsError:
    return result.response.container if result.HasField("response") else from_failure(result.failure)


def location_of(message: object_pb2.ObjectLocation) -> ObjectLocation:
    """The location in a message."""
    return ObjectLocation(message.object_id, message.storage_id, message.storage_path)


def _placed(message: object_service_pb2.PlacedObject) -> PlacedObject:
    changed = message.change_time.ToDatetime(UTC)
    return PlacedObject(message.object_id, message.storage_path, message.registered, changed)


def _unused(message: unused_object_pb2.UnusedObject) -> UnusedObject:
    return UnusedObject(
        ObjectLocation(message.id, message.storage_id, message.storage_path),
        message.size if message.HasField("size") else None,
        known(_CAUSES, message.cause, "the cause of an unused object"),
        message.unused_since.ToDatetime(UTC),
    )
