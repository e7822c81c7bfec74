"""The gRPC service StorageService."""

from functools import partial
from typing import Final

from tams.media.v1 import storage_backend_pb2, storage_service_pb2, storage_service_pb2_grpc

from services.media.application.allocation import Allocation
from services.media.application.signer import Signer
from services.media.application.uploads import Presence, Uploads
from services.media.domain.storage_backend import StorageBackend, StorageBackends
from services.shared.rpc.interceptors import Context
from services.shared.rpc.server import Registration

STORE_TYPE: Final = "http_object_store"
_PRESENCES: Final = {
    Presence.STORED: storage_service_pb2.PRESENCE_STORED,
    Presence.MISSING: storage_service_pb2.PRESENCE_MISSING,
    Presence.ELSEWHERE: storage_service_pb2.PRESENCE_ELSEWHERE,
    Presence.UNREACHABLE: storage_service_pb2.PRESENCE_UNREACHABLE,
}


class StorageServicer(storage_service_pb2_grpc.StorageServiceServicer):
    """Lists backends, allocates objects, signs URLs and checks uploads."""

    def __init__(
        self, backends: StorageBackends, allocation: Allocation, signer: Signer, uploads: Uploads
    ) -> None:
        self._backends = storage_service_pb2.ListStorageBackendsResponse(
            storage_backends=map(_backend_message, backends)
        )
        self._allocation = allocation
        self._signer = signer
        self._uploads = uploads

    async def ListStorageBackends(
        self, request: storage_service_pb2.ListStorageBackendsRequest, context: Context
    ) -> storage_service_pb2.ListStorageBackendsResponse:
        """All backends in the order of the configuration."""
        return self._backends

    async def AllocateStorage(
        self, request: storage_service_pb2.AllocateStorageRequest, context: Context
    ) -> storage_service_pb2.AllocateStorageResponse:
        """Allocate new objects for a flow."""
        objects = await self._allocation.allocate(
            request.flow_id,
            limit=request.limit if request.HasField("limit") else None,
            object_ids=request.object_ids.ids if request.HasField("object_ids") else None,
            storage_id=request.storage_id if request.HasField("storage_id") else None,
        )
        messages = [
            storage_service_pb2.AllocatedObject(
                object_id=allocated.object_id,
                put_url=allocated.put_url,
                content_type=allocated.content_type,
                headers=allocated.headers,
            )
            for allocated in objects
        ]
        return storage_service_pb2.AllocateStorageResponse(objects=messages)

    async def SignPaths(
        self, request: storage_service_pb2.SignPathsRequest, context: Context
    ) -> storage_service_pb2.SignPathsResponse:
        """Sign URLs to GET objects."""
        signed = self._signer.sign([(stored.storage_id, stored.url_paths) for stored in request.objects])
        return storage_service_pb2.SignPathsResponse(
            signed=[
                storage_service_pb2.SignedPaths(
                    before=urls.before, after=urls.after, signatures=urls.signatures
                )
                for urls in signed
            ]
        )

    async def LookForObjects(
        self, request: storage_service_pb2.LookForObjectsRequest, context: Context
    ) -> storage_service_pb2.LookForObjectsResponse:
        """The presence of the bytes of objects in storage."""
        presences = await self._uploads.look_for(request.object_ids)
        return storage_service_pb2.LookForObjectsResponse(
            presences=[_PRESENCES[presence] for presence in presences]
        )


def registration(
    backends: StorageBackends, allocation: Allocation, signer: Signer, uploads: Uploads
) -> Registration:
    """The service to add to a server."""
    add = storage_service_pb2_grpc.add_StorageServiceServicer_to_server
    return (
        storage_service_pb2.DESCRIPTOR.services_by_name["StorageService"],
        partial(add, StorageServicer(backends, allocation, signer, uploads)),
    )


def _backend_message(backend: StorageBackend) -> storage_backend_pb2.StorageBackend:
    return storage_backend_pb2.StorageBackend(
        id=backend.id,
        label=backend.label,
        store_type=STORE_TYPE,
        provider=backend.provider,
        store_product=backend.store_product,
        region=backend.region,
        availability_zone=backend.availability_zone,
        default_storage=backend.default_storage,
    )
