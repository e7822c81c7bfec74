"""`/x/admin/unused-objects`: objects whose bytes are to be deleted."""

from typing import Final

from tams.media.v1 import unused_object_service_pb2 as pb

from gateway.clients.services import Services
from gateway.codecs.administration import unused_object as codec
from gateway.handlers.administration.gate import Gate
from gateway.http import responses
from gateway.http.paging import Paging
from gateway.http.requests import Request
from gateway.http.responses import Response
from services.shared.rpc.client import call

# For sizes that are read from storage, and for many deletions there.
_STORAGE_SECONDS: Final = 60.0


class UnusedObjects:
    """Handlers that show which bytes are to be deleted, and delete them at once."""

    def __init__(self, services: Services, paging: Paging, gate: Gate) -> None:
        self._unused_objects = services.unused_objects
        self._paging = paging
        self._gate = gate

    async def list(self, request: Request) -> Response:
        """GET /x/admin/unused-objects."""
        self._gate.check(request)
        query = request.query()
        message = pb.ListUnusedObjectsRequest(page_size=query.limit(), page_token=query.page())
        page = await call(self._unused_objects.ListUnusedObjects, message, timeout=_STORAGE_SECONDS)
        headers = self._paging.headers(request, query, limit=page.page_size, next_token=page.next_page_token)
        return responses.json(codec.listing(page.unused_objects), headers)

    async def delete(self, request: Request) -> Response:
        """DELETE /x/admin/unused-objects: delete the bytes of some of them; repeat until complete."""
        self._gate.check(request)
        message = pb.ReclaimUnusedObjectsRequest()
        reply = await call(self._unused_objects.ReclaimUnusedObjects, message, timeout=_STORAGE_SECONDS)
        return responses.json(codec.reclaimed(reply))
