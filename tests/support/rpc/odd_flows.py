"""A metadata service whose GetFlow is a function of the test."""
# ruff: noqa: N802, ARG002 - method names are the RPC names, and every RPC takes a context

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from tams.metadata.v1 import flow_service_pb2
from tams.metadata.v1.flow_pb2 import Flow
from tams.metadata.v1.flow_service_pb2 import GetFlowRequest
from tams.metadata.v1.flow_service_pb2_grpc import FlowServiceServicer, add_FlowServiceServicer_to_server

from services.shared.process.settings import ProcessSettings
from services.shared.rpc.server import serving

_FLOWS = flow_service_pb2.DESCRIPTOR.services_by_name["FlowService"]

Answer = Callable[[GetFlowRequest], Awaitable[Flow]]


class OddFlows(FlowServiceServicer):
    """FlowService with GetFlow only."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def GetFlow(self, request: GetFlowRequest, context: object) -> Flow:
        return await self._answer(request)


@asynccontextmanager
async def odd_flows(answer: Answer) -> AsyncIterator[str]:
    """The address of a metadata service that answers GetFlow with a function."""
    # At run time the omitted methods answer UNIMPLEMENTED. Only the type stubs declare them abstract.
    servicer = OddFlows(answer)  # type: ignore[abstract]
    add = partial(add_FlowServiceServicer_to_server, servicer)
    async with serving(ProcessSettings(drain_seconds=0, grace_seconds=0), [(_FLOWS, add)]) as server:
        yield f"127.0.0.1:{server.port}"
