"""FlowService."""

from functools import partial
from typing import Final

from tams.metadata.v1 import flow_pb2, flow_service_pb2, flow_service_pb2_grpc

from services.metadata.application.flows.flows import Flows, GetFlow
from services.metadata.application.ports import FlowFilter
from services.metadata.domain.flows.flow import served_document
from services.metadata.servicers import deletion_requests
from services.metadata.servicers.convert import (
    delete_options,
    optional,
    optional_text_digest,
    property_changes,
    text_digest,
)
from services.shared.errors import TamsError
from services.shared.rpc.interceptors import Context
from services.shared.rpc.server import Registration
from services.shared.rpc.status import to_failure
from services.shared.rpc.timeranges import from_message
from services.shared.timerange import ETERNITY

_FILTERS: Final = ("source_id", "format", "codec", "label", "frame_width", "frame_height")


class FlowServicer(flow_service_pb2_grpc.FlowServiceServicer):
    """Translates between messages and Flows."""

    def __init__(self, flows: Flows) -> None:
        self._flows = flows

    async def GetFlow(self, request: flow_service_pb2.GetFlowRequest, context: Context) -> flow_pb2.Flow:
        """Return a flow."""
        return flow_pb2.Flow(document=await self._flows.get(_get_flow(request)))

    async def BatchGetFlows(
        self, request: flow_service_pb2.BatchGetFlowsRequest, context: Context
    ) -> flow_service_pb2.BatchGetFlowsResponse:
        """Return several flows."""
        results = await self._flows.get_many(list(map(_get_flow, request.requests)))
        return flow_service_pb2.BatchGetFlowsResponse(results=map(_result, results))

    async def ListFlows(
        self, request: flow_service_pb2.ListFlowsRequest, context: Context
    ) -> flow_service_pb2.ListFlowsResponse:
        """Return a page of flows."""
        timerange = from_message(request.timerange) if request.HasField("timerange") else None
        criteria = FlowFilter(
            timerange=None if timerange == ETERNITY else timerange,
            tags=dict(request.tags),
            tag_exists=dict(request.tag_exists),
            label_digest=optional_text_digest(request, "label_digest"),
            tag_digests={name: text_digest(digest) for name, digest in request.tag_digests.items()},
            **{name: optional(request, name) for name in _FILTERS},
        )
        page = await self._flows.page(criteria, request.page_size, request.page_token)
        return flow_service_pb2.ListFlowsResponse(
            flows=[flow_pb2.Flow(document=served_document(flow)) for flow in page.items],
            next_page_token=page.next_token,
            page_size=page.size,
        )

    async def PutFlow(
        self, request: flow_service_pb2.PutFlowRequest, context: Context
    ) -> flow_service_pb2.PutFlowResponse:
        """Create or replace a flow."""
        document, created = await self._flows.put(request.id, request.document)
        return flow_service_pb2.PutFlowResponse(flow=flow_pb2.Flow(document=document), created=created)

    async def UpdateFlow(
        self, request: flow_service_pb2.UpdateFlowRequest, context: Context
    ) -> flow_pb2.Flow:
        """Set and unset properties of a flow."""
        document = await self._flows.update(request.id, property_changes(request.changes))
        return flow_pb2.Flow(document=document)

    async def DeleteFlow(
        self, request: flow_service_pb2.DeleteFlowRequest, context: Context
    ) -> flow_service_pb2.DeleteFlowResponse:
        """Delete a flow."""
        deletion = await self._flows.delete(request.id, delete_options(request.options))
        return flow_service_pb2.DeleteFlowResponse(
            deletion_request=deletion_requests.message(deletion) if deletion else None
        )


def registration(flows: Flows) -> Registration:
    """The FlowService for a server."""
    add = flow_service_pb2_grpc.add_FlowServiceServicer_to_server
    return flow_service_pb2.DESCRIPTOR.services_by_name["FlowService"], partial(add, FlowServicer(flows))


def _get_flow(request: flow_service_pb2.GetFlowRequest) -> GetFlow:
    if not request.include_timerange:
        return GetFlow(request.id)
    return GetFlow(request.id, from_message(request.timerange))


def _result(result: bytes | TamsError) -> flow_service_pb2.FlowResult:
    if isinstance(result, TamsError):
        return flow_service_pb2.FlowResult(failure=to_failure(result))
    return flow_service_pb2.FlowResult(flow=flow_pb2.Flow(document=result))
