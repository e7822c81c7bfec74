"""`/objects/{objectId}`."""

from gateway.clients.services import Services
from gateway.codecs import object as object_codec
from gateway.http import responses
from gateway.http.paging import Paging
from gateway.http.requests import Request
from gateway.http.responses import Response
from services.shared.rpc.client import call


class Objects:
    """Reads the object registry."""

    def __init__(self, services: Services, paging: Paging) -> None:
        self._objects = services.objects
        self._paging = paging

    async def get(self, request: Request, object_id: str) -> Response:
        """GET /objects/{objectId}."""
        query = request.query()
        found = await call(self._objects.GetObject, object_codec.get_request(object_id, query))
        headers = self._paging.headers(
            request, query, limit=found.page_size, next_token=found.next_page_token
        )
        return responses.json(object_codec.document(found.object), headers)
