from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from grpc import aio
from tams.metadata.v1 import flow_service_pb2
from tams.metadata.v1.flow_pb2 import Flow
from tams.metadata.v1.flow_service_pb2 import (
    DeleteFlowRequest,
    DeleteFlowResponse,
    GetFlowRequest,
    ListFlowsRequest,
)
from tams.metadata.v1.flow_service_pb2_grpc import (
    FlowServiceServicer,
    FlowServiceStub,
    add_FlowServiceServicer_to_server,
)

from services.shared.rpc.client import call, open_channel
from services.shared.rpc.server import serving
from services.shared.settings import ProcessSettings

FLOWS = flow_service_pb2.DESCRIPTOR.services_by_name["FlowService"]
QUICK = ProcessSettings(drain_seconds=0, grace_seconds=0)

Behaviour = Callable[[str], Awaitable[str]]


async def echo(text: str) -> str:
    return text


class EchoServicer(FlowServiceServicer):
    """A flow service that stands for any: GetFlow is idempotent, DeleteFlow is not."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour

    async def GetFlow(self, request: GetFlowRequest, context: aio.ServicerContext) -> Flow:  # noqa: ARG002, N802
        return Flow(id=await self._behaviour(request.id))

    async def DeleteFlow(  # noqa: N802
        self,
        request: DeleteFlowRequest,
        context: aio.ServicerContext,  # noqa: ARG002
    ) -> DeleteFlowResponse:
        await self._behaviour(request.id)
        return DeleteFlowResponse()


class Caller:
    """Calls the service by way of `call`."""

    def __init__(self, channel: aio.Channel) -> None:
        self._stub = FlowServiceStub(channel)

    async def get(self, text: str, **how: float) -> str:
        return (await call(self._stub.GetFlow, GetFlowRequest(id=text), **how)).id

    async def delete(self, text: str) -> None:
        await call(self._stub.DeleteFlow, DeleteFlowRequest(id=text))

    async def list(self) -> None:
        await call(self._stub.ListFlows, ListFlowsRequest())


def serving_flows(behaviour: Behaviour, settings: ProcessSettings = QUICK, *, ready: bool = True):
    add = partial(add_FlowServiceServicer_to_server, EchoServicer(behaviour))
    return serving(settings, [(FLOWS, add)], ready=ready)


@asynccontextmanager
async def calling(*ports: int) -> AsyncIterator[Caller]:
    target = "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports)
    async with open_channel(target, [FLOWS]) as channel:
        yield Caller(channel)
