"""Reads of single flows, coalesced."""

from collections.abc import Sequence

from tams.metadata.v1.flow_pb2 import Flow
from tams.metadata.v1.flow_service_pb2 import BatchGetFlowsRequest, FlowResult, GetFlowRequest

from gateway.clients.coalescer import Coalescer
from gateway.clients.services import Services
from services.shared.errors import TamsError
from services.shared.rpc.client import DEADLINE_SECONDS, call
from services.shared.rpc.status import from_failure

FlowReader = Coalescer[GetFlowRequest, Flow]


def flow_reader(services: Services) -> FlowReader:
    """GetFlow, as BatchGetFlows under load."""

    stub = services.flows

    async def single(request: GetFlowRequest) -> Flow:
        return await call(stub.GetFlow, request)

    async def batch(requests: Sequence[GetFlowRequest]) -> Sequence[Flow | TamsError]:
        reply = await call(stub.BatchGetFlows, BatchGetFlowsRequest(requests=requests))
        return [_outcome(result) for result in reply.results]

    return Coalescer(single, batch, deadline_seconds=DEADLINE_SECONDS)


def _outcome(result: FlowResult) -> Flow | TamsError:
    return result.flow if result.HasField("flow") else from_failure(result.failure)
