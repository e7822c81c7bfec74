"""A media service that only signs, and tells what it was asked."""

# ruff: noqa: N802, ARG002 - method names are the RPC names, and every RPC takes a context

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from grpc import aio
from tams.media.v1 import storage_service_pb2
from tams.media.v1.storage_backend_pb2 import StorageBackend
from tams.media.v1.storage_service_pb2 import ListStorageBackendsResponse, SignedPaths, SignPathsResponse
from tams.media.v1.storage_service_pb2_grpc import (
    StorageServiceServicer,
    add_StorageServiceServicer_to_server,
)

from services.shared.errors import Unavailable
from services.shared.rpc.client import open_channel
from services.shared.rpc.server import serving
from services.shared.settings import ProcessSettings

SERVICE = storage_service_pb2.DESCRIPTOR.services_by_name["StorageService"]


class Storage(StorageServiceServicer):
    """Answers as the media service does: all URLs of the first backend, then all of the next."""

    def __init__(self):
        self.listed = 0
        self.signed = []
        self.away = False

    async def ListStorageBackends(self, request, context):
        self.listed += 1
        if self.away:
            raise Unavailable("away")
        backends = [StorageBackend(id=f"id-of-{label}", label=label) for label in ("hot", "cold")]
        return ListStorageBackendsResponse(storage_backends=backends)

    async def SignPaths(self, request, context):
        self.signed.append({one.storage_id: one.url_paths.decode().splitlines() for one in request.objects})
        signed = [
            SignedPaths(before=f"https://{one.storage_id}/", after="?", signature_lines=one.url_paths)
            for one in request.objects
        ]
        return SignPathsResponse(signed=signed)

    async def SignUrls(self, request, context):
        raise AssertionError("nobody asks for whole URLs here")

    async def AllocateStorage(self, request, context):
        raise AssertionError("nobody allocates here")


@asynccontextmanager
async def signing(storage: Storage) -> AsyncIterator[aio.Channel]:
    """A channel to it."""
    add = partial(add_StorageServiceServicer_to_server, storage)
    settings = ProcessSettings(drain_seconds=0, grace_seconds=0)
    async with (
        serving(settings, [(SERVICE, add)]) as server,
        open_channel(f"127.0.0.1:{server.port}", [SERVICE]) as channel,
    ):
        yield channel
