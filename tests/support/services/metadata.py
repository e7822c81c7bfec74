"""The real metadata service, for tests of the services that call it."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from grpc import aio
from tams.metadata.v1 import (
    flow_service_pb2,
    object_copy_service_pb2,
    object_service_pb2,
    segment_service_pb2,
)
from tams.metadata.v1.flow_service_pb2 import PutFlowRequest
from tams.metadata.v1.flow_service_pb2_grpc import FlowServiceStub

from services.metadata.application.clock import utc_now
from services.metadata.bootstrap import running
from services.metadata.settings import Settings
from services.shared.rpc.client import call, open_channel
from services.shared.rpc.server import RpcServer
from tests.support.services.engine import ENGINE

_SERVICES = [
    flow_service_pb2.DESCRIPTOR.services_by_name["FlowService"],
    object_service_pb2.DESCRIPTOR.services_by_name["ObjectService"],
    object_copy_service_pb2.DESCRIPTOR.services_by_name["ObjectCopyService"],
    segment_service_pb2.DESCRIPTOR.services_by_name["SegmentService"],
]


@asynccontextmanager
async def running_metadata(
    folder: Path, *, clock: Callable[[], datetime] = utc_now, **settings: Any
) -> AsyncIterator[RpcServer]:
    """The service on loopback, with its tables in `folder`."""
    quick: dict[str, Any] = {"port": 0, "drain_seconds": 0, "grace_seconds": 1, **ENGINE.settings(folder)}
    async with running(Settings(**(quick | settings)), clock=clock) as server:
        yield server


def metadata_channel(port: int) -> aio.Channel:
    """A channel for the flows, segments and objects of the service."""
    return open_channel(f"127.0.0.1:{port}", _SERVICES)


async def put_flow(channel: aio.Channel, flow_id: str, **changes: Any) -> None:
    """Create or replace a flow of subtitles, the format with the fewest required members."""
    flow = {
        "id": flow_id,
        "source_id": flow_id.replace("-4", "-5", 1),
        "format": "urn:x-nmos:format:data",
        "codec": "application/ttml+xml",
        "container": "application/ttml+xml",
        "essence_parameters": {"data_type": "urn:x-tams:data:subtitle"},
    } | changes
    document = json.dumps({name: value for name, value in flow.items() if value is not None}).encode()
    await call(FlowServiceStub(channel).PutFlow, PutFlowRequest(id=flow_id, document=document))
