"""A media service that only signs URLs, and records its requests."""

# ruff: noqa: N802, ARG002 - method names are the RPC names, and every RPC takes a context

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import NoReturn

from grpc import aio
from tams.media.v1 import storage_service_pb2
from tams.media.v1.storage_backend_pb2 import StorageBackend
from tams.media.v1.storage_service_pb2 import (
    AllocateStorageRequest,
    BatchAllocateStorageRequest,
    ListStorageBackendsRequest,
    ListStorageBackendsResponse,
    LookForObjectsRequest,
    SignedPaths,
    SignPathsRequest,
    SignPathsResponse,
)
from tams.media.v1.storage_service_pb2_grpc import (
    StorageServiceServicer,
    add_StorageServiceServicer_to_server,
)

from services.shared.errors import Unavailable
from services.shared.process.settings import ProcessSettings
from services.shared.rpc.client import open_channel
from services.shared.rpc.server import serving

SERVICE = storage_service_pb2.DESCRIPTOR.services_by_name["StorageService"]


class Storage(StorageServiceServicer):
    """StorageService with two backends.

    `signed` has the paths of each request, by storage id; `cdn_urls` has the URLs of CDNs, by label.
    """

    def __init__(self) -> None:
        self.listed = 0
        self.signed: list[dict[str, list[str]]] = []
        self.unavailable = False
        # The ids of backends that do not answer.
        self.unreachable: set[str] = set()
        self.cdn_urls: dict[str, str] = {}

    async def ListStorageBackends(
        self, request: ListStorageBackendsRequest, context: object
    ) -> ListStorageBackendsResponse:
        self.listed += 1
        if self.unavailable:
            raise Unavailable("unreachable")
        backends = [
            StorageBackend(id=f"id-of-{label}", label=label, cdn_url=self.cdn_urls.get(label, ""))
            for label in ("hot", "cold")
        ]
        return ListStorageBackendsResponse(storage_backends=backends)

    async def SignPaths(self, request: SignPathsRequest, context: object) -> SignPathsResponse:
        signed_now: dict[str, list[str]] = {}
        for stored in request.objects:
            signed_now.setdefault(stored.storage_id, []).extend(stored.url_paths.decode().splitlines())
        self.signed.append(signed_now)
        signed = [
            SignedPaths(
                before=f"https://{stored.storage_id}/",
                after="?",
                signatures=stored.url_paths,
                unreachable=stored.storage_id in self.unreachable,
            )
            for stored in request.objects
        ]
        return SignPathsResponse(signed=signed)

    async def LookForObjects(self, request: LookForObjectsRequest, context: object) -> NoReturn:
        raise AssertionError("no test looks for objects here")

    async def AllocateStorage(self, request: AllocateStorageRequest, context: object) -> NoReturn:
        raise AssertionError("no test allocates storage here")

    async def BatchAllocateStorage(self, request: BatchAllocateStorageRequest, context: object) -> NoReturn:
        raise AssertionError("no test allocates storage here")


@asynccontextmanager
async def signing(storage: Storage) -> AsyncIterator[aio.Channel]:
    """A channel to a media service that only signs."""
    add = partial(add_StorageServiceServicer_to_server, storage)
    settings = ProcessSettings(drain_seconds=0, grace_seconds=0)
    async with (
        serving(settings, [(SERVICE, add)]) as server,
        open_channel(f"127.0.0.1:{server.port}", [SERVICE]) as channel,
    ):
        yield channel
