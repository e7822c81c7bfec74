"""The media service over real gRPC and real object storage, with the object registry in memory."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from grpc import aio
from tams.media.v1 import storage_service_pb2
from tams.media.v1.storage_service_pb2_grpc import StorageServiceStub

from services.media.bootstrap import running, utc_now
from services.media.settings import Settings
from services.shared.rpc.client import open_channel
from tests.support.processes.health import until_serving
from tests.support.rpc.object_service import running_object_service
from tests.support.storage.backends import MemoryObjectRegistry
from tests.support.storage.seaweedfs import SeaweedFS, write_storage_config

if TYPE_CHECKING:
    from tams.media.v1.storage_service_pb2_grpc import StorageServiceAsyncStub

_SERVICE = storage_service_pb2.DESCRIPTOR.services_by_name["StorageService"]


@dataclass(frozen=True)
class Media:
    """A running media service, with its object registry and the description of its first backend."""

    stub: "StorageServiceAsyncStub"
    registry: MemoryObjectRegistry
    backend: dict[str, Any]
    channel: aio.Channel


Serve = Callable[..., AbstractAsyncContextManager[Media]]


@pytest.fixture
def registry() -> MemoryObjectRegistry:
    return MemoryObjectRegistry(
        {"flow": "video/mp2t", "bare": None, "locked": "video/mp2t"}, read_only=["locked"]
    )


@pytest.fixture
def backend(seaweedfs: SeaweedFS) -> dict[str, Any]:
    """The description of a storage backend whose bucket does not exist yet."""
    return seaweedfs.backend(f"tams-{secrets.token_hex(6)}")


@pytest.fixture
def serve(tmp_path: Path, registry: MemoryObjectRegistry) -> Serve:
    """A function that runs the service with the given backends."""

    @asynccontextmanager
    async def serve(
        *backends: dict[str, Any], clock: Callable[[], datetime] = utc_now, **settings: Any
    ) -> AsyncIterator[Media]:
        config = write_storage_config(tmp_path / f"{secrets.token_hex(4)}.json", *backends)
        async with running_object_service(registry) as metadata:
            defaults: dict[str, Any] = {"drain_seconds": 0, "grace_seconds": 1, "measure_idle_seconds": 0.05}
            address = {"metadata_address": f"127.0.0.1:{metadata.port}"}
            all_settings = Settings(port=0, storage_config=str(config), **(defaults | address | settings))
            async with running(all_settings, clock=clock) as server:
                await until_serving(server.port)
                async with open_channel(f"127.0.0.1:{server.port}", [_SERVICE]) as channel:
                    yield Media(StorageServiceStub(channel), registry, backends[0], channel)

    return serve


@pytest.fixture
async def media(serve: Serve, backend: dict[str, Any]) -> AsyncIterator[Media]:
    async with serve(backend) as service:
        yield service


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        yield client
