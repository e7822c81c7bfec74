"""`/sources` and `/sources/{sourceId}`."""

from tams.metadata.v1 import source_service_pb2

from gateway.clients.services import Services
from gateway.codecs import source, trash
from gateway.handlers.deletion_requests import DeletionRequests
from gateway.handlers.flows import DELETE_SECONDS
from gateway.http import responses
from gateway.http.paging import Paging
from gateway.http.requests import Request
from gateway.http.responses import Response
from services.shared.rpc.client import call


class Sources:
    """Handlers that read and delete sources."""

    def __init__(self, services: Services, deletion_requests: DeletionRequests, paging: Paging) -> None:
        self._sources = services.sources
        self._deletion_requests = deletion_requests
        self._paging = paging

    async def list(self, request: Request) -> Response:
        """GET /sources."""
        query = request.query()
        page = await call(self._sources.ListSources, source.list_request(query))
        headers = self._paging.headers(request, query, limit=page.page_size, next_token=page.next_page_token)
        return responses.json_list((message.document for message in page.sources), headers)

    async def get(self, request: Request, source_id: str) -> Response:
        """GET /sources/{sourceId}."""
        message = await call(self._sources.GetSource, source_service_pb2.GetSourceRequest(id=source_id))
        return responses.json(message.document)

    async def delete(self, request: Request, source_id: str) -> Response:
        """DELETE /sources/{sourceId}: 204 if all is deleted, 202 if segments remain to be deleted."""
        query = request.query()
        message = source_service_pb2.DeleteSourceRequest(
            id=source_id, cascade=bool(query.flag("cascade")), options=trash.delete_options(query)
        )
        reply = await call(self._sources.DeleteSource, message, timeout=DELETE_SECONDS)
        if reply.HasField("deletion_request"):
            return self._deletion_requests.accepted_response(request, reply.deletion_request)
        return responses.no_content()
