"""`/x/objects/{objectId}/copies` and `/x/admin/object-copies`: copies of objects on further backends."""

from typing import Final

from tams.metadata.v1 import object_copy_service_pb2 as pb

from gateway.clients.services import Services
from gateway.codecs import object_copy
from gateway.handlers.administration.gate import Gate
from gateway.http import responses
from gateway.http.requests import Request
from gateway.http.responses import Response
from gateway.http.wire.body import BodyReader
from services.shared.rpc.client import call

# Media returns earlier, with the copies that are not done.
_COPY_SECONDS: Final = 60.0


class ObjectCopies:
    """Handlers that list, make and delete copies of objects."""

    def __init__(self, services: Services, bodies: BodyReader, gate: Gate) -> None:
        self._copies = services.copies
        self._object_copies = services.object_copies
        self._bodies = bodies
        self._gate = gate

    async def list(self, request: Request, object_id: str) -> Response:
        """GET /x/objects/{objectId}/copies."""
        message = pb.ListObjectCopiesRequest(object_id=object_id)
        reply = await call(self._object_copies.ListObjectCopies, message)
        return responses.json(object_copy.listing(reply))

    async def post(self, request: Request) -> Response:
        """POST /x/admin/object-copies: copy or move objects; repeat until no state is `copying`."""
        self._gate.check(request)
        async with self._bodies.read(request) as body:
            message = object_copy.copy_request(body)
        reply = await call(self._copies.CopyObjects, message, timeout=_COPY_SECONDS)
        return responses.json(object_copy.results(message.object_ids, reply))

    async def delete(self, request: Request) -> Response:
        """DELETE /x/admin/object-copies: 204, also if the copy is retired already."""
        self._gate.check(request)
        await call(self._object_copies.RetireObjectCopy, object_copy.retire_request(request.query()))
        return responses.no_content()
