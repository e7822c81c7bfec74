"""Reads of single flows, coalesced."""

from collections.abc import Sequence

from tams.metadata.v1 import flow_pb2, flow_service_pb2

from gateway.clients.by_caller import ByCaller
from gateway.clients.coalescer import Coalescer, sizes_of_batches
from gateway.clients.services import Services
from services.shared.errors import TamsError
from services.shared.rpc.client import DEADLINE_SECONDS, call
from services.shared.rpc.status import from_failure
from services.shared.telemetry.metrics import Metrics

FlowReader = ByCaller[flow_service_pb2.GetFlowRequest, flow_pb2.Flow]


def flow_reader(services: Services, metrics: Metrics) -> FlowReader:
    """A reader that calls GetFlow, or BatchGetFlows under load. NotFound for an unknown flow."""
    stub = services.flows
    sizes = sizes_of_batches(metrics, "GetFlow")

    async def single(request: flow_service_pb2.GetFlowRequest) -> flow_pb2.Flow:
        return await call(stub.GetFlow, request)

    async def batch(
        requests: Sequence[flow_service_pb2.GetFlowRequest],
    ) -> Sequence[flow_pb2.Flow | TamsError]:
        reply = await call(stub.BatchGetFlows, flow_service_pb2.BatchGetFlowsRequest(requests=requests))
        return [_outcome(result) for result in reply.results]

    return ByCaller(lambda: Coalescer(single, batch, deadline_seconds=DEADLINE_SECONDS, sizes=sizes))


def _outcome(result: flow_service_pb2.FlowResult) -> flow_pb2.Flow | TamsError:
    return result.flow if result.HasField("flow") else from_failure(result.failure)
