"""FlowService."""

from functools import partial
from typing import Any, Final

from tams.metadata.v1 import flow_pb2, flow_service_pb2, flow_service_pb2_grpc

from services.metadata.application.flows import FlowRead, Flows, GetFlow
from services.metadata.application.ports import FlowFilter
from services.metadata.domain.flow import StoredFlow, served_document
from services.metadata.servicers import deletions
from services.metadata.servicers.convert import optional, property_changes
from services.shared.errors import TamsError
from services.shared.rpc.server import Registration
from services.shared.rpc.status import to_failure
from services.shared.rpc.timeranges import from_message
from services.shared.timerange import ETERNITY

_FILTERS: Final = ("source_id", "format", "codec", "label", "frame_width", "frame_height")


class FlowServicer(flow_service_pb2_grpc.FlowServiceServicer):
    """Translates between messages and Flows."""

    def __init__(self, flows: Flows) -> None:
        self._flows = flows

    async def GetFlow(self, request: flow_service_pb2.GetFlowRequest, context: Any) -> flow_pb2.Flow:
        """One flow."""
        return _read(await self._flows.get(_wanted(request)))

    async def BatchGetFlows(
        self, request: flow_service_pb2.BatchGetFlowsRequest, context: Any
    ) -> flow_service_pb2.BatchGetFlowsResponse:
        """Many flows."""
        results = await self._flows.get_many([_wanted(one) for one in request.requests])
        return flow_service_pb2.BatchGetFlowsResponse(results=map(_result, results))

    async def ListFlows(
        self, request: flow_service_pb2.ListFlowsRequest, context: Any
    ) -> flow_service_pb2.ListFlowsResponse:
        """One page of flows."""
        timerange = from_message(request.timerange) if request.HasField("timerange") else None
        wanted = FlowFilter(
            timerange=None if timerange == ETERNITY else timerange,
            tags=dict(request.tags),
            tag_exists=dict(request.tag_exists),
            **{name: optional(request, name) for name in _FILTERS},
        )
        page = await self._flows.page(wanted, request.page_size, request.page_token)
        return flow_service_pb2.ListFlowsResponse(
            flows=[_message(flow, served_document(flow)) for flow in page.items],
            next_page_token=page.next_token,
            page_size=page.size,
        )

    async def PutFlow(
        self, request: flow_service_pb2.PutFlowRequest, context: Any
    ) -> flow_service_pb2.PutFlowResponse:
        """Create or replace a flow."""
        stored, created = await self._flows.put(request.id, request.document)
        return flow_service_pb2.PutFlowResponse(flow=_read(stored), created=created)

    async def UpdateFlow(self, request: flow_service_pb2.UpdateFlowRequest, context: Any) -> flow_pb2.Flow:
        """Set and unset properties."""
        return _read(await self._flows.update(request.id, property_changes(request.changes)))

    async def DeleteFlow(
        self, request: flow_service_pb2.DeleteFlowRequest, context: Any
    ) -> flow_service_pb2.DeleteFlowResponse:
        """Delete a flow."""
        deletion = await self._flows.delete(request.id)
        return flow_service_pb2.DeleteFlowResponse(
            deletion_request=deletions.message(deletion) if deletion else None
        )


def registration(flows: Flows) -> Registration:
    """The service for a server."""
    add = flow_service_pb2_grpc.add_FlowServiceServicer_to_server
    return flow_service_pb2.DESCRIPTOR.services_by_name["FlowService"], partial(add, FlowServicer(flows))


def _wanted(request: flow_service_pb2.GetFlowRequest) -> GetFlow:
    if not request.include_timerange:
        return GetFlow(request.id)
    return GetFlow(request.id, from_message(request.timerange))


def _read(read: FlowRead) -> flow_pb2.Flow:
    return _message(read.flow, read.document)


def _message(flow: StoredFlow, document: bytes) -> flow_pb2.Flow:
    return flow_pb2.Flow(
        id=flow.id,
        source_id=flow.source_id,
        format=flow.format,
        codec=flow.codec,
        container=flow.container,
        read_only=bool(flow.read_only),
        document=document,
    )


def _result(result: FlowRead | TamsError) -> flow_service_pb2.FlowResult:
    if isinstance(result, TamsError):
        return flow_service_pb2.FlowResult(failure=to_failure(result))
    return flow_service_pb2.FlowResult(flow=_read(result))
