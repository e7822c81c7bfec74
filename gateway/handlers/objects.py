"""`/objects/{objectId}`."""

from tams.metadata.v1 import object_service_pb2

from gateway.clients.services import Services
from gateway.codecs import object as object_codec
from gateway.codecs import trash
from gateway.handlers.deletion_requests import DeletionRequests
from gateway.handlers.flows import DELETE_SECONDS
from gateway.http import responses
from gateway.http.paging import Paging
from gateway.http.requests import Request
from gateway.http.responses import Response
from services.shared.rpc.client import call


class Objects:
    """Handlers that read media objects, and delete their segments."""

    def __init__(self, services: Services, deletion_requests: DeletionRequests, paging: Paging) -> None:
        self._objects = services.objects
        self._deletion_requests = deletion_requests
        self._paging = paging

    async def get(self, request: Request, object_id: str) -> Response:
        """GET /objects/{objectId}."""
        query = request.query()
        reply = await call(self._objects.GetObject, object_codec.get_request(object_id, query))
        headers = self._paging.headers(
            request, query, limit=reply.page_size, next_token=reply.next_page_token
        )
        return responses.json(object_codec.document(reply.object), headers)

    async def delete(self, request: Request, object_id: str) -> Response:
        """DELETE /objects/{objectId}: 204 if all its segments are deleted, 202 if some remain."""
        options = trash.delete_options(request.query())
        message = object_service_pb2.DeleteObjectRequest(id=object_id, options=options)
        reply = await call(self._objects.DeleteObject, message, timeout=DELETE_SECONDS)
        if reply.HasField("deletion_request"):
            return self._deletion_requests.accepted_response(request, reply.deletion_request)
        return responses.no_content()
