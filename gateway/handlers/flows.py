"""`/flows` and `/flows/{flowId}`."""

from http import HTTPStatus
from typing import Final

from tams.metadata.v1.flow_service_pb2 import DeleteFlowRequest, GetFlowRequest, PutFlowRequest

from gateway.clients.flows import FlowReader
from gateway.clients.services import Services
from gateway.codecs import flow
from gateway.handlers.deletion_requests import DeletionRequests
from gateway.http import responses
from gateway.http.body import BodyReader
from gateway.http.paging import Paging
from gateway.http.requests import Request
from gateway.http.responses import Response
from services.shared.rpc.client import call

# A deletion answers after some seconds of work at the latest; the rest goes on without the caller.
DELETE_SECONDS: Final = 60.0


class Flows:
    """Reads and writes flows."""

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
        return responses.json_list((one.document for one in page.flows), headers)

    async def get(self, request: Request, flow_id: str) -> Response:
        """GET /flows/{flowId}."""
        if request.query_string:
            wanted = flow.get_request(flow_id, request.query())
        else:
            wanted = GetFlowRequest(id=flow_id)
        found = await self._reader(wanted)
        return responses.json(found.document)

    async def put(self, request: Request, flow_id: str) -> Response:
        """PUT /flows/{flowId}: 201 with the flow when it is new, else 204."""
        async with self._bodies.read(request) as document:
            stored = await call(self._flows.PutFlow, PutFlowRequest(id=flow_id, document=document))
        if stored.created:
            return responses.json(stored.flow.document, status=HTTPStatus.CREATED)
        return responses.no_content()

    async def delete(self, request: Request, flow_id: str) -> Response:
        """DELETE /flows/{flowId}: 204 when all is gone, 202 when segments are still going."""
        asked = DeleteFlowRequest(id=flow_id)
        reply = await call(self._flows.DeleteFlow, asked, timeout=DELETE_SECONDS)
        if reply.HasField("deletion_request"):
            return self._deletion_requests.accepted(request, reply.deletion_request)
        return responses.no_content()
