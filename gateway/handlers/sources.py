"""`/sources` and `/sources/{sourceId}`."""

from tams.metadata.v1.source_service_pb2 import GetSourceRequest

from gateway.clients.services import Services
from gateway.codecs import source
from gateway.http import responses
from gateway.http.paging import Paging
from gateway.http.requests import Request
from gateway.http.responses import Response
from services.shared.rpc.client import call


class Sources:
    """Reads sources."""

    def __init__(self, services: Services, paging: Paging) -> None:
        self._sources = services.sources
        self._paging = paging

    async def list(self, request: Request) -> Response:
        """GET /sources."""
        query = request.query()
        page = await call(self._sources.ListSources, source.list_request(query))
        headers = self._paging.headers(request, query, limit=page.page_size, next_token=page.next_page_token)
        return responses.json_list((one.document for one in page.sources), headers)

    async def get(self, request: Request, source_id: str) -> Response:
        """GET /sources/{sourceId}."""
        found = await call(self._sources.GetSource, GetSourceRequest(id=source_id))
        return responses.json(found.document)
