"""`/flows/{flowId}/storage`."""

from http import HTTPStatus

from gateway.clients.services import Services
from gateway.codecs import storage
from gateway.http import responses
from gateway.http.requests import Request
from gateway.http.responses import Response
from gateway.http.wire.body import BodyReader
from services.shared.rpc.client import call


class Storage:
    """Handlers that allocate objects."""

    def __init__(self, services: Services, bodies: BodyReader) -> None:
        self._storage = services.storage
        self._bodies = bodies

    async def post(self, request: Request, flow_id: str) -> Response:
        """POST /flows/{flowId}/storage: 201. The body may be empty."""
        async with self._bodies.read(request) as body:
            reply = await call(self._storage.AllocateStorage, storage.allocate_request(flow_id, body))
        return responses.json(storage.document(reply), status=HTTPStatus.CREATED)
