"""ObjectService."""

from functools import partial
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from tams.metadata.v1 import object_pb2, object_service_pb2, object_service_pb2_grpc
from tams.type.v1 import unused_object_pb2

from services.metadata.application.audit.refusals import Refusals
from services.metadata.application.objects.accesses import Accesses
from services.metadata.application.objects.objects import Ages, Objects
from services.metadata.application.objects.places import Places
from services.metadata.application.objects.reservation import Reservation
from services.metadata.application.objects.storage_backends import StorageBackends
from services.metadata.application.objects.unused_objects import UnusedObjects
from services.metadata.application.trash.cascades import Cascades
from services.metadata.domain.objects.copies import Copy
from services.metadata.domain.objects.object import IdleObject, MediaObject, Place, PlacedObject, State
from services.metadata.servicers import deletion_requests
from services.metadata.servicers.convert import delete_options, optional
from services.shared.errors import TamsError
from services.shared.rpc.interceptors import Context
from services.shared.rpc.server import Registration
from services.shared.rpc.status import to_failure

_CAUSES: Final = {
    State.UNREFERENCED: unused_object_pb2.UNUSED_CAUSE_UNREFERENCED,
    State.ALLOCATED: unused_object_pb2.UNUSED_CAUSE_UNREGISTERED,
    State.RECLAIMED: unused_object_pb2.UNUSED_CAUSE_CLAIMED,
}


class ObjectServicer(object_service_pb2_grpc.ObjectServiceServicer):
    """Translates between messages and Objects, UnusedObjects, Accesses, Places and StorageBackends."""

    def __init__(
        self,
        objects: Objects,
        unused_objects: UnusedObjects,
        backends: StorageBackends,
        cascades: Cascades,
        refusals: Refusals | None = None,
        *,
        accesses: Accesses,
        places: Places,
    ) -> None:
        """`refusals` gets the errors of a batch, which do not fail the call."""
        self._objects = objects
        self._unused_objects = unused_objects
        self._accesses = accesses
        self._places = places
        self._cascades = cascades
        self._backends = backends
        self._refusals = refusals

    async def GetObject(
        self, request: object_service_pb2.GetObjectRequest, context: Context
    ) -> object_service_pb2.GetObjectResponse:
        """Return an object with a page of the flows that reference it."""
        item, page = await self._objects.get(request.id, request.page_size, request.page_token)
        message = object_pb2.Object(
            id=item.id,
            referenced_by_flows=page.items,
            first_referenced_by_flow=item.first_referenced_by_flow or "",
            storage_id=item.storage_id or "",
            storage_path=item.storage_path or "",
            size=item.size,
        )
        return object_service_pb2.GetObjectResponse(
            object=message, next_page_token=page.next_token, page_size=page.size
        )

    async def DeleteObject(
        self, request: object_service_pb2.DeleteObjectRequest, context: Context
    ) -> object_service_pb2.DeleteObjectResponse:
        """Delete all segments of an object."""
        deletion = await self._cascades.delete_object(request.id, delete_options(request.options))
        return object_service_pb2.DeleteObjectResponse(
            deletion_request=deletion_requests.message(deletion) if deletion else None
        )

    async def ReserveObjects(
        self, request: object_service_pb2.ReserveObjectsRequest, context: Context
    ) -> object_service_pb2.ReserveObjectsResponse:
        """Reserve new objects for a flow."""
        container = await self._objects.reserve(request.flow_id, _places(request), request.request_id)
        return object_service_pb2.ReserveObjectsResponse(container=container)

    async def BatchReserveObjects(
        self, request: object_service_pb2.BatchReserveObjectsRequest, context: Context
    ) -> object_service_pb2.BatchReserveObjectsResponse:
        """Reserve new objects for several flows."""
        reservations = [Reservation(one.flow_id, _places(one), one.request_id) for one in request.requests]
        results = await self._objects.reserve_many(reservations)
        if self._refusals is not None:
            for reservation, result in zip(reservations, results, strict=True):
                if isinstance(result, TamsError):
                    self._refusals.note("objects.reserve", f"flow:{reservation.flow_id}", result)
        return object_service_pb2.BatchReserveObjectsResponse(results=map(_result, results))

    async def RegisterStorageBackends(
        self, request: object_service_pb2.RegisterStorageBackendsRequest, context: Context
    ) -> object_service_pb2.RegisterStorageBackendsResponse:
        """Replace the registered storage backends."""
        labels = {backend.id: backend.label for backend in request.backends}
        await self._backends.register(labels, len(request.backends))
        return object_service_pb2.RegisterStorageBackendsResponse()

    async def LocateObjects(
        self, request: object_service_pb2.LocateObjectsRequest, context: Context
    ) -> object_service_pb2.LocateObjectsResponse:
        """Return the places and sizes of objects in this store."""
        response = object_service_pb2.LocateObjectsResponse()
        for item in await self._objects.locate(request.object_ids):
            response.objects.add(location=_location(item), size=item.size)
        return response

    async def GetUploadTarget(
        self, request: object_service_pb2.GetUploadTargetRequest, context: Context
    ) -> object_service_pb2.GetUploadTargetResponse:
        """Return the place of an allocated object, and its content type."""
        item, container = await self._objects.upload_target(request.object_id)
        return object_service_pb2.GetUploadTargetResponse(location=_location(item), container=container)

    async def ListUnmeasuredObjects(
        self, request: object_service_pb2.ListUnmeasuredObjectsRequest, context: Context
    ) -> object_service_pb2.ListUnmeasuredObjectsResponse:
        """Return objects that are due for measuring."""
        objects = await self._objects.unmeasured(request.page_size)
        return object_service_pb2.ListUnmeasuredObjectsResponse(objects=map(_location, objects))

    async def RecordObjectSizes(
        self, request: object_service_pb2.RecordObjectSizesRequest, context: Context
    ) -> object_service_pb2.RecordObjectSizesResponse:
        """Record the measured sizes of objects."""
        sizes = {measured.object_id: optional(measured, "size") for measured in request.objects}
        etags = {measured.object_id: measured.etag for measured in request.objects}
        await self._objects.record_sizes(sizes, etags)
        return object_service_pb2.RecordObjectSizesResponse()

    async def AddObjectAccesses(
        self, request: object_service_pb2.AddObjectAccessesRequest, context: Context
    ) -> object_service_pb2.AddObjectAccessesResponse:
        """Add to the numbers of URLs that were signed to read objects."""
        await self._accesses.add_urls(
            [((one.storage_id, one.storage_path), one.urls) for one in request.places]
        )
        return object_service_pb2.AddObjectAccessesResponse()

    async def ListObjectPlaces(
        self, request: object_service_pb2.ListObjectPlacesRequest, context: Context
    ) -> object_service_pb2.ListObjectPlacesResponse:
        """Return a page of the objects of a backend in the order of their keys."""
        page = await self._places.list_page(
            request.storage_id, request.prefix, request.from_path, request.page_size, request.page_token
        )
        return object_service_pb2.ListObjectPlacesResponse(
            objects=map(_placed, page.items), next_page_token=page.next_token
        )

    async def FindObjectsByPlace(
        self, request: object_service_pb2.FindObjectsByPlaceRequest, context: Context
    ) -> object_service_pb2.FindObjectsByPlaceResponse:
        """Return the objects whose bytes are at places."""
        found = await self._places.find(list(request.storage_ids), list(request.storage_paths))
        return object_service_pb2.FindObjectsByPlaceResponse(objects=map(_placed, found))

    async def ListUnusedObjects(
        self, request: object_service_pb2.ListUnusedObjectsRequest, context: Context
    ) -> object_service_pb2.ListUnusedObjectsResponse:
        """Return a page of the objects that a claim would take."""
        ages = Ages(optional(request, "unreferenced_seconds"), optional(request, "unregistered_seconds"))
        page = await self._unused_objects.page(ages, request.page_size, request.page_token)
        return object_service_pb2.ListUnusedObjectsResponse(
            unused_objects=map(_unused_object, page.items),
            next_page_token=page.next_token,
            page_size=page.size,
        )

    async def ClaimObjects(
        self, request: object_service_pb2.ClaimObjectsRequest, context: Context
    ) -> object_service_pb2.ClaimObjectsResponse:
        """Claim unused objects, to delete their bytes."""
        ages = Ages(optional(request, "unreferenced_seconds"), optional(request, "unregistered_seconds"))
        objects, copies = await self._objects.claim(ages, request.page_size)
        return object_service_pb2.ClaimObjectsResponse(
            objects=map(_location, objects), copies=map(copy_location, copies)
        )

    async def ForgetObjects(
        self, request: object_service_pb2.ForgetObjectsRequest, context: Context
    ) -> object_service_pb2.ForgetObjectsResponse:
        """Remove the records of claimed objects, whose bytes are deleted."""
        await self._objects.forget(request.object_ids)
        return object_service_pb2.ForgetObjectsResponse()


def registration(
    objects: Objects,
    unused_objects: UnusedObjects,
    backends: StorageBackends,
    cascades: Cascades,
    refusals: Refusals | None = None,
    *,
    accesses: Accesses,
    places: Places,
) -> Registration:
    """The ObjectService for a server."""
    add = object_service_pb2_grpc.add_ObjectServiceServicer_to_server
    servicer = ObjectServicer(
        objects, unused_objects, backends, cascades, refusals, accesses=accesses, places=places
    )
    return object_service_pb2.DESCRIPTOR.services_by_name["ObjectService"], partial(add, servicer)


def _places(request: object_service_pb2.ReserveObjectsRequest) -> list[Place]:
    return [
        Place(location.object_id, location.storage_id, location.storage_path) for location in request.objects
    ]


def _result(result: str | TamsError) -> object_service_pb2.ReserveObjectsResult:
    if isinstance(result, TamsError):
        return object_service_pb2.ReserveObjectsResult(failure=to_failure(result))
    response = object_service_pb2.ReserveObjectsResponse(container=result)
    return object_service_pb2.ReserveObjectsResult(response=response)


def copy_location(copy: Copy | Place) -> object_pb2.ObjectLocation:
    """The message of the place of a copy."""
    return object_pb2.ObjectLocation(
        object_id=copy.object_id, storage_id=copy.storage_id, storage_path=copy.storage_path
    )


def _location(item: MediaObject) -> object_pb2.ObjectLocation:
    return object_pb2.ObjectLocation(
        object_id=item.id, storage_id=item.storage_id or "", storage_path=item.storage_path or ""
    )


def _placed(item: PlacedObject) -> object_service_pb2.PlacedObject:
    changed = Timestamp()
    changed.FromMilliseconds(item.changed_ms)
    return object_service_pb2.PlacedObject(
        object_id=item.object_id,
        storage_path=item.storage_path,
        registered=item.is_registered,
        change_time=changed,
    )


def _unused_object(idle: IdleObject) -> unused_object_pb2.UnusedObject:
    since = Timestamp()
    since.FromMilliseconds(idle.since_ms)
    return unused_object_pb2.UnusedObject(
        id=idle.item.id,
        storage_id=idle.item.storage_id or "",
        storage_path=idle.item.storage_path or "",
        size=idle.item.size,
        cause=_CAUSES[idle.item.state],
        unused_since=since,
    )
