"""StorageService."""

from collections.abc import Iterable
from typing import Final

from tams.media.v1.storage_backend_pb2 import StorageBackend as BackendMessage
from tams.media.v1.storage_service_pb2 import (
    AllocatedObject as AllocatedMessage,
)
from tams.media.v1.storage_service_pb2 import (
    AllocateStorageRequest,
    AllocateStorageResponse,
    ListStorageBackendsRequest,
    ListStorageBackendsResponse,
    SignedPaths,
    SignPathsRequest,
    SignPathsResponse,
    SignUrlsRequest,
    SignUrlsResponse,
    StoredObjects,
)
from tams.media.v1.storage_service_pb2_grpc import StorageServiceServicer

from services.media.application.allocation import Allocation
from services.media.application.signing import Signing
from services.media.domain.storage_backend import StorageBackend, StorageBackends
from services.shared.rpc.interceptors import Context
from services.shared.signed_urls import SignedUrls, url_lines

STORE_TYPE: Final = "http_object_store"


class StorageServicer(StorageServiceServicer):
    """Translates StorageService calls."""

    def __init__(self, backends: StorageBackends, allocation: Allocation, signing: Signing) -> None:
        self._backends = ListStorageBackendsResponse(storage_backends=map(_backend_message, backends))
        self._allocation = allocation
        self._signing = signing

    async def ListStorageBackends(
        self, request: ListStorageBackendsRequest, context: Context
    ) -> ListStorageBackendsResponse:
        """Every backend, in the order of the configuration."""
        return self._backends

    async def AllocateStorage(
        self, request: AllocateStorageRequest, context: Context
    ) -> AllocateStorageResponse:
        """New objects for a flow."""
        objects = await self._allocation.allocate(
            request.flow_id,
            limit=request.limit if request.HasField("limit") else None,
            object_ids=request.object_ids.ids if request.HasField("object_ids") else None,
            storage_id=request.storage_id if request.HasField("storage_id") else None,
        )
        messages = [
            AllocatedMessage(object_id=one.object_id, put_url=one.put_url, content_type=one.content_type)
            for one in objects
        ]
        return AllocateStorageResponse(objects=messages)

    async def SignUrls(self, request: SignUrlsRequest, context: Context) -> SignUrlsResponse:
        """A URL to GET each object from."""
        return SignUrlsResponse(urls=self._signing.get_urls(_by_backend(request.objects)))

    async def SignPaths(self, request: SignPathsRequest, context: Context) -> SignPathsResponse:
        """The same in parts."""
        signed = self._signing.sign(_by_backend(request.objects))
        return SignPathsResponse(signed=map(_signed_message, request.objects, signed))


def _by_backend(objects: Iterable[StoredObjects]) -> list[tuple[str, bytes]]:
    return [(one.storage_id, url_lines(one.paths) + one.url_paths) for one in objects]


def _signed_message(asked: StoredObjects, signed: SignedUrls) -> SignedPaths:
    message = SignedPaths(before=signed.before, after=signed.after)
    if asked.paths:
        lines = signed.signatures.splitlines(keepends=True)
        message.signatures.extend(one.decode().rstrip() for one in lines[: len(asked.paths)])
        message.signature_lines = b"".join(lines[len(asked.paths) :])
    else:
        message.signature_lines = signed.signatures
    return message


def _backend_message(backend: StorageBackend) -> BackendMessage:
    return BackendMessage(
        id=backend.id,
        label=backend.label,
        store_type=STORE_TYPE,
        provider=backend.provider,
        store_product=backend.store_product,
        region=backend.region,
        availability_zone=backend.availability_zone,
        default_storage=backend.default_storage,
    )
