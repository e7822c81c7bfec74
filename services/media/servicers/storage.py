"""The gRPC service StorageService."""

from functools import partial
from typing import Final

from tams.media.v1 import storage_backend_pb2, storage_service_pb2, storage_service_pb2_grpc

from services.media.application.allocation import Allocation, AllocationRequest
from services.media.application.reachability import Reachability
from services.media.application.signer import Signer
from services.media.application.uploads import Presence, Uploads
from services.media.domain.object import AllocatedObjects
from services.media.domain.signed_urls import SignedUrls
from services.media.domain.storage_backend import StorageBackend, StorageBackends
from services.shared.errors import TamsError
from services.shared.rpc.interceptors import Context
from services.shared.rpc.server import Registration
from services.shared.rpc.status import to_failure

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
        self,
        backends: StorageBackends,
        allocation: Allocation,
        signer: Signer,
        uploads: Uploads,
        reachability: Reachability,
    ) -> None:
        self._backends = storage_service_pb2.ListStorageBackendsResponse(
            storage_backends=map(_backend_message, backends)
        )
        self._allocation = allocation
        self._signer = signer
        self._uploads = uploads
        self._reachability = reachability

    async def ListStorageBackends(
        self, request: storage_service_pb2.ListStorageBackendsRequest, context: Context
    ) -> storage_service_pb2.ListStorageBackendsResponse:
        """All backends in the order of the configuration."""
        return self._backends

    async def AllocateStorage(
        self, request: storage_service_pb2.AllocateStorageRequest, context: Context
    ) -> storage_service_pb2.AllocateStorageResponse:
        """Allocate new objects for a flow."""
        (result,) = await self._allocation.allocate([_allocation_request(request)])
        if isinstance(result, TamsError):
            raise result
        return storage_service_pb2.AllocateStorageResponse(
            objects=[
                storage_service_pb2.AllocatedObject(
                    object_id=object_id, put_url=url, content_type=result.content_type, headers=result.headers
                )
                for object_id, url in zip(result.object_ids, result.put_urls.urls(), strict=True)
            ]
        )

    async def BatchAllocateStorage(
        self, request: storage_service_pb2.BatchAllocateStorageRequest, context: Context
    ) -> storage_service_pb2.BatchAllocateStorageResponse:
        """Allocate new objects for several flows."""
        results = await self._allocation.allocate(list(map(_allocation_request, request.requests)))
        return storage_service_pb2.BatchAllocateStorageResponse(results=map(_result, results))

    async def SignPaths(
        self, request: storage_service_pb2.SignPathsRequest, context: Context
    ) -> storage_service_pb2.SignPathsResponse:
        """Sign URLs to GET objects."""
        signed = self._signer.sign([(stored.storage_id, stored.url_paths) for stored in request.objects])
        response = storage_service_pb2.SignPathsResponse(signed=map(_signed_paths, signed))
        for stored, message in zip(request.objects, response.signed, strict=True):
            if self._reachability.fault(stored.storage_id):
                message.unreachable = True
        return response

    async def LookForObjects(
        self, request: storage_service_pb2.LookForObjectsRequest, context: Context
    ) -> storage_service_pb2.LookForObjectsResponse:
        """The presence of the bytes of objects in storage."""
        presences = await self._uploads.look_for(request.object_ids)
        return storage_service_pb2.LookForObjectsResponse(
            presences=[_PRESENCES[presence] for presence in presences]
        )


def registration(
    backends: StorageBackends,
    allocation: Allocation,
    signer: Signer,
    uploads: Uploads,
    reachability: Reachability,
) -> Registration:
    """The service to add to a server."""
    add = storage_service_pb2_grpc.add_StorageServiceServicer_to_server
    return (
        storage_service_pb2.DESCRIPTOR.services_by_name["StorageService"],
        partial(add, StorageServicer(backends, allocation, signer, uploads, reachability)),
    )


def _allocation_request(request: storage_service_pb2.AllocateStorageRequest) -> AllocationRequest:
    return AllocationRequest(
        request.flow_id,
        limit=request.limit if request.HasField("limit") else None,
        object_ids=request.object_ids.ids if request.HasField("object_ids") else None,
        storage_id=request.storage_id if request.HasField("storage_id") else None,
        request_id=request.request_id,
    )


def _result(result: AllocatedObjects | TamsError) -> storage_service_pb2.AllocateStorageResult:
    if isinstance(result, TamsError):
        return storage_service_pb2.AllocateStorageResult(failure=to_failure(result))
    return storage_service_pb2.AllocateStorageResult(
        objects=storage_service_pb2.AllocatedObjects(
            object_ids=result.object_ids,
            url_paths=result.put_urls.paths,
            put_urls=_signed_paths(result.put_urls),
            content_type=result.content_type,
            headers=result.headers,
        )
    )


def _signed_paths(urls: SignedUrls) -> storage_service_pb2.SignedPaths:
    return storage_service_pb2.SignedPaths(before=urls.before, after=urls.after, signatures=urls.signatures)


def _backend_message(backend: StorageBackend) -> storage_backend_pb2.StorageBackend:
    return storage_backend_pb2.StorageBackend(
        id=backend.id,
        label=backend.label,
        store_type=STORE_TYPE,
        provider=backend.provider,
        store_product=backend.store_product,
        region=backend.region,
        availability_zone=backend.availability_zone,
        tags=backend.tags,
        default_storage=backend.default_storage,
        cdn_url=backend.cdn_url,
    )
