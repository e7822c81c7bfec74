from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from grpc import aio
from tams.metadata.v1 import (
    deletion_request_service_pb2,
    flow_service_pb2,
    object_copy_service_pb2,
    object_service_pb2,
    segment_service_pb2,
    source_service_pb2,
    trash_service_pb2,
)
from tams.metadata.v1.deletion_request_service_pb2_grpc import DeletionRequestServiceStub
from tams.metadata.v1.flow_service_pb2_grpc import FlowServiceStub
from tams.metadata.v1.object_copy_service_pb2_grpc import ObjectCopyServiceStub
from tams.metadata.v1.object_service_pb2_grpc import ObjectServiceStub
from tams.metadata.v1.segment_service_pb2_grpc import SegmentServiceStub
from tams.metadata.v1.source_service_pb2_grpc import SourceServiceStub
from tams.metadata.v1.trash_service_pb2_grpc import TrashServiceStub

from services.metadata.bootstrap import running
from services.metadata.settings import Settings
from services.shared.rpc.client import call, open_channel

SERVICES = {
    module.DESCRIPTOR.services_by_name[name].name: (module.DESCRIPTOR.services_by_name[name], stub)
    for module, name, stub in (
        (source_service_pb2, "SourceService", SourceServiceStub),
        (flow_service_pb2, "FlowService", FlowServiceStub),
        (segment_service_pb2, "SegmentService", SegmentServiceStub),
        (object_service_pb2, "ObjectService", ObjectServiceStub),
        (object_copy_service_pb2, "ObjectCopyService", ObjectCopyServiceStub),
        (deletion_request_service_pb2, "DeletionRequestService", DeletionRequestServiceStub),
        (trash_service_pb2, "TrashService", TrashServiceStub),
    )
}


class Service:
    """A client of the metadata service: `await service("GetFlow", GetFlowRequest(...))`."""

    def __init__(self, port: int, channel: aio.Channel) -> None:
        self.port = port
        self._methods = {
            method.name: getattr(stub(channel), method.name)
            for descriptor, stub in SERVICES.values()
            for method in descriptor.methods
        }

    async def __call__(self, method: str, request: Any, **options: float) -> Any:
        return await call(self._methods[method], request, **options)


@asynccontextmanager
async def serving_metadata(path: Path, **settings: Any) -> AsyncIterator[Service]:
    """A client of a running metadata service with its tables in a SQLite database at `path`."""
    defaults: dict[str, Any] = {
        "port": 0,
        "drain_seconds": 0,
        "grace_seconds": 1,
        "sqlite_synchronous": "NORMAL",
    }
    async with (
        running(Settings(store_url=f"sqlite:///{path}", **(defaults | settings))) as server,
        open_channel(
            f"127.0.0.1:{server.port}", [descriptor for descriptor, _ in SERVICES.values()]
        ) as channel,
    ):
        yield Service(server.port, channel)


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with serving_metadata(tmp_path / "tables.db") as client:
        yield client
