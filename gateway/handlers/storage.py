"""`/flows/{flowId}/storage`."""

from http import HTTPStatus

from gateway.clients.storage import StorageAllocator
from gateway.codecs import storage
from gateway.http import responses
from gateway.http.requests import Request
from gateway.http.responses import Response
from gateway.http.wire.body import BodyReader


class Storage:
    """Handlers that allocate objects."""

    def __init__(self, allocate: StorageAllocator, bodies: BodyReader) -> None:
        self._allocate = allocate
        self._bodies = bodies

    async def post(self, request: Request, flow_id: str) -> Response:
        """POST /flows/{flowId}/storage: 201. The body may be empty."""
        async with self._bodies.read(request) as body:
            objects = await self._allocate(storage.allocate_request(flow_id, body))
        return responses.json(storage.document(objects), status=HTTPStatus.CREATED)
