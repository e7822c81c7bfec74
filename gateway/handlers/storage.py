"""`/flows/{flowId}/storage`."""

from http import HTTPStatus

from gateway.clients.services import Services
from gateway.codecs import storage
from gateway.http import responses
from gateway.http.body import BodyReader
from gateway.http.requests import Request
from gateway.http.responses import Response
from services.shared.rpc.client import call


class Storage:
    """Allocates objects."""

    def __init__(self, services: Services, bodies: BodyReader) -> None:
        self._storage = services.storage
        self._bodies = bodies

    async def post(self, request: Request, flow_id: str) -> Response:
        """POST /flows/{flowId}/storage; the body may be missing."""
        async with self._bodies.read(request) as body:
            reply = await call(self._storage.AllocateStorage, storage.allocate_request(flow_id, body))
        return responses.json(storage.allocated(reply), status=HTTPStatus.CREATED)
