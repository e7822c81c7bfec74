"""`/flows` and `/flows/{flowId}`."""

from http import HTTPStatus
from typing import Final

from tams.metadata.v1 import flow_service_pb2

from gateway.clients.flows import FlowReader
from gateway.clients.services import Services
from gateway.codecs import flow, trash
from gateway.handlers.deletion_requests import DeletionRequests
from gateway.http import responses
from gateway.http.paging import Paging
from gateway.http.requests import Request
from gateway.http.responses import Response
from gateway.http.wire.body import BodyReader
from services.shared.rpc.client import call

# The service works on a deletion for some seconds and then answers; the rest continues in the background.
DELETE_SECONDS: Final = 60.0


class Flows:
    """Handlers that read and write flows."""

    def __init__(
        self,
        services: Services,
        *,
        reader: FlowReader,
        deletion_requests: DeletionRequests,
        bodies: BodyReader,
        paging: Paging,
    ) -> None:
        self._flows = services.flows
        self._reader = reader
        self._deletion_requests = deletion_requests
        self._bodies = bodies
        self._paging = paging

    async def list(self, request: Request) -> Response:
        """GET /flows."""
        query = request.query()
        page = await call(self._flows.ListFlows, flow.list_request(query))
        headers = self._paging.headers(request, query, limit=page.page_size, next_token=page.next_page_token)
        return responses.json_list((message.document for message in page.flows), headers)

    async def get(self, request: Request, flow_id: str) -> Response:
        """GET /flows/{flowId}."""
        if request.query_string:
            get_request = flow.get_request(flow_id, request.query())
        else:
            get_request = flow_service_pb2.GetFlowRequest(id=flow_id)
        message = await self._reader(get_request)
        return responses.json(message.document)

    async def put(self, request: Request, flow_id: str) -> Response:
        """PUT /flows/{flowId}: 201 with the flow if it is new, else 204."""
        async with self._bodies.read(request) as document:
            reply = await call(
                self._flows.PutFlow, flow_service_pb2.PutFlowRequest(id=flow_id, document=document)
            )
        if reply.created:
            return responses.json(reply.flow.document, status=HTTPStatus.CREATED)
        return responses.no_content()

    async def delete(self, request: Request, flow_id: str) -> Response:
        """DELETE /flows/{flowId}: 204 if all is deleted, 202 if segments remain to be deleted."""
        options = trash.delete_options(request.query())
        message = flow_service_pb2.DeleteFlowRequest(id=flow_id, options=options)
        reply = await call(self._flows.DeleteFlow, message, timeout=DELETE_SECONDS)
        if reply.HasField("deletion_request"):
            return self._deletion_requests.accepted_response(request, reply.deletion_request)
        return responses.no_content()
