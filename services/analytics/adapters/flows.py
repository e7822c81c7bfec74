"""Implements the port Flows with calls to the metadata service on behalf of the caller."""

from typing import Final

from grpc import aio
from tams.metadata.v1 import flow_service_pb2, flow_service_pb2_grpc

from services.shared.errors import NotFound
from services.shared.rpc.client import call

FLOWS: Final = flow_service_pb2.DESCRIPTOR.services_by_name["FlowService"]


class GrpcFlows:
    """Flows over a channel to the metadata service."""

    def __init__(self, channel: aio.Channel) -> None:
        self._stub = flow_service_pb2_grpc.FlowServiceStub(channel)

    async def sees(self, flow_id: str) -> bool:
        """True if the caller sees the flow. Unavailable if metadata does not answer."""
        try:
            await call(self._stub.GetFlow, flow_service_pb2.GetFlowRequest(id=flow_id))
        except NotFound:
            return False
        return True
