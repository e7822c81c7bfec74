"""`/flow-delete-requests`, and the response to a deletion that continues in the background."""

from http import HTTPStatus

from tams.metadata.v1 import deletion_request_pb2, deletion_request_service_pb2

from gateway.clients.services import Services
from gateway.codecs import deletion_request
from gateway.http import responses
from gateway.http.links import Links
from gateway.http.requests import Request
from gateway.http.responses import Response
from services.shared.rpc.client import call


class DeletionRequests:
    """Handlers that return the progress of deletions."""

    def __init__(self, services: Services, links: Links) -> None:
        self._deletions = services.deletions
        self._links = links

    async def list(self, request: Request) -> Response:
        """GET /flow-delete-requests."""
        reply = await call(
            self._deletions.ListDeletionRequests, deletion_request_service_pb2.ListDeletionRequestsRequest()
        )
        return responses.json(deletion_request.listing(reply.deletion_requests))

    async def get(self, request: Request, request_id: str) -> Response:
        """GET /flow-delete-requests/{requestId}."""
        message = await call(
            self._deletions.GetDeletionRequest,
            deletion_request_service_pb2.GetDeletionRequestRequest(id=request_id),
        )
        return responses.json(deletion_request.document(message))

    def accepted_response(self, request: Request, message: deletion_request_pb2.DeletionRequest) -> Response:
        """202 with the deletion request; Location is the URL of its progress."""
        location = f"{self._links.base(request)}/flow-delete-requests/{message.id}"
        body = deletion_request.document(message)
        return responses.json(body, (("location", location),), HTTPStatus.ACCEPTED)
