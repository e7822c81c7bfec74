"""The media service over real gRPC and real object storage, with the object registry in memory."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from tams.media.v1 import storage_service_pb2
from tams.media.v1.storage_service_pb2_grpc import StorageServiceStub

from services.media.bootstrap import running, utc_now
from services.media.settings import Settings
from services.shared.rpc.client import open_channel
from tests.support.health import until_serving
from tests.support.object_service import running_object_service
from tests.support.seaweedfs import SeaweedFS, write_storage_config
from tests.support.storage import MemoryObjectRegistry

_SERVICE = storage_service_pb2.DESCRIPTOR.services_by_name["StorageService"]


@dataclass(frozen=True)
class Media:
    """A running media service and what stands around it."""

    stub: StorageServiceStub
    registry: MemoryObjectRegistry
    backend: dict[str, Any]


@pytest.fixture
def registry():
    return MemoryObjectRegistry(
        {"flow": "video/mp2t", "bare": None, "locked": "video/mp2t"}, read_only=["locked"]
    )


@pytest.fixture
def backend(seaweedfs: SeaweedFS) -> dict[str, Any]:
    """A bucket that is not there yet."""
    return seaweedfs.backend(f"tams-{secrets.token_hex(6)}")


@pytest.fixture
def serve(tmp_path, registry):
    """Starts the service for these backends."""

    @asynccontextmanager
    async def served(*backends, clock=utc_now, **settings) -> AsyncIterator[Media]:
        config = write_storage_config(tmp_path / f"{secrets.token_hex(4)}.json", *backends)
        async with running_object_service(registry) as metadata:
            quick = {"drain_seconds": 0, "grace_seconds": 1, "measure_idle_seconds": 0.05}
            there = {"metadata_address": f"127.0.0.1:{metadata.port}"}
            chosen = Settings(port=0, storage_config=str(config), **(quick | there | settings))
            async with running(chosen, clock=clock) as server:
                await until_serving(server.port)
                async with open_channel(f"127.0.0.1:{server.port}", [_SERVICE]) as channel:
                    yield Media(StorageServiceStub(channel), registry, backends[0])

    return served


@pytest.fixture
async def media(serve, backend):
    async with serve(backend) as service:
        yield service


@pytest.fixture
async def http():
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        yield client
