"""`/flow-delete-requests`, and the answer to a deletion that goes on after its call."""

from http import HTTPStatus

import msgspec
from tams.metadata.v1.deletion_request_pb2 import DeletionRequest
from tams.metadata.v1.deletion_service_pb2 import GetDeletionRequestRequest, ListDeletionRequestsRequest

from gateway.clients.services import Services
from gateway.codecs import deletion_request
from gateway.http import responses
from gateway.http.links import Links
from gateway.http.requests import Request
from gateway.http.responses import Response
from services.shared.rpc.client import call


class DeletionRequests:
    """Tells how far deletions are."""

    def __init__(self, services: Services, links: Links) -> None:
        self._deletions = services.deletions
        self._links = links

    async def list(self, request: Request) -> Response:
        """GET /flow-delete-requests."""
        reply = await call(self._deletions.ListDeletionRequests, ListDeletionRequestsRequest())
        return responses.json(msgspec.json.encode(list(map(deletion_request.typed, reply.deletion_requests))))

    async def get(self, request: Request, request_id: str) -> Response:
        """GET /flow-delete-requests/{requestId}."""
        found = await call(self._deletions.GetDeletionRequest, GetDeletionRequestRequest(id=request_id))
        return responses.json(msgspec.json.encode(deletion_request.typed(found)))

    def accepted(self, request: Request, message: DeletionRequest) -> Response:
        """202 with the place where to ask how far the deletion is."""
        location = f"{self._links.base(request)}/flow-delete-requests/{message.id}"
        body = msgspec.json.encode(deletion_request.typed(message))
        return responses.json(body, (("location", location),), HTTPStatus.ACCEPTED)
