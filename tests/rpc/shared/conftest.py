from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
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

from services.shared.process.settings import ProcessSettings
from services.shared.rpc.client import call, open_channel
from services.shared.rpc.server import RpcServer, serving

FLOWS = flow_service_pb2.DESCRIPTOR.services_by_name["FlowService"]
QUICK = ProcessSettings(drain_seconds=0, grace_seconds=0)

# Answers the id in a request.
Behaviour = Callable[[str], Awaitable[str]]


async def echo(text: str) -> str:
    return text


class EchoServicer(FlowServiceServicer):
    """A flow service as an example of any service: GetFlow is idempotent, DeleteFlow is not."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour

    async def GetFlow(self, request: GetFlowRequest, context: object) -> Flow:  # noqa: ARG002, N802
        return Flow(document=(await self._behaviour(request.id)).encode())

    async def DeleteFlow(  # noqa: N802
        self,
        request: DeleteFlowRequest,
        context: object,  # noqa: ARG002
    ) -> DeleteFlowResponse:
        await self._behaviour(request.id)
        return DeleteFlowResponse()


class Caller:
    """A client of the service."""

    def __init__(self, channel: aio.Channel) -> None:
        self._stub = FlowServiceStub(channel)

    async def get(self, text: str, **options: float) -> str:
        return (await call(self._stub.GetFlow, GetFlowRequest(id=text), **options)).document.decode()

    async def delete(self, text: str) -> None:
        await call(self._stub.DeleteFlow, DeleteFlowRequest(id=text))

    async def list(self) -> None:
        await call(self._stub.ListFlows, ListFlowsRequest())


def serving_flows(
    behaviour: Behaviour, settings: ProcessSettings = QUICK, *, ready: bool = True
) -> AbstractAsyncContextManager[RpcServer]:
    # The missing methods are abstract for the type checker only. At run time they answer UNIMPLEMENTED.
    servicer = EchoServicer(behaviour)  # type: ignore[abstract]
    add = partial(add_FlowServiceServicer_to_server, servicer)
    return serving(settings, [(FLOWS, add)], ready=ready)


@asynccontextmanager
async def open_caller(*ports: int) -> AsyncIterator[Caller]:
    """A client of the servers at these ports."""
    target = "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports)
    async with open_channel(target, [FLOWS]) as channel:
        yield Caller(channel)
