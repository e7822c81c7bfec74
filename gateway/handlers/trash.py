"""`/x/trash`, and the restoration of flows and sources."""

from http import HTTPStatus
from typing import Final

from tams.metadata.v1 import trash_service_pb2

from gateway.clients.services import Services
from gateway.codecs import trash
from gateway.http import responses
from gateway.http.paging import Paging
from gateway.http.requests import Request
from gateway.http.responses import Response
from services.shared.rpc.client import call

# Many segments return in many transactions.
_RESTORE_SECONDS: Final = 60.0


class Trash:
    """Handlers that list, restore and purge what was deleted softly."""

    def __init__(self, services: Services, paging: Paging) -> None:
        self._trash = services.trash
        self._paging = paging

    async def list(self, request: Request) -> Response:
        """GET /x/trash."""
        query = request.query()
        page = await call(self._trash.ListTrash, trash.list_request(query))
        headers = self._paging.headers(request, query, limit=page.page_size, next_token=page.next_page_token)
        return responses.json(trash.listing(page.entries), headers)

    async def restore_flow(self, request: Request, flow_id: str) -> Response:
        """POST /x/flows/{flowId}/restore: 200 with what was restored."""
        message = trash_service_pb2.RestoreFlowRequest(id=flow_id)
        reply = await call(self._trash.RestoreFlow, message, timeout=_RESTORE_SECONDS)
        return responses.json(trash.listing(reply.entries))

    async def restore_source(self, request: Request, source_id: str) -> Response:
        """POST /x/sources/{sourceId}/restore: 200 with what was restored."""
        message = trash_service_pb2.RestoreSourceRequest(id=source_id)
        reply = await call(self._trash.RestoreSource, message, timeout=_RESTORE_SECONDS)
        return responses.json(trash.listing(reply.entries))

    async def restore_entry(self, request: Request, entry_id: str) -> Response:
        """POST /x/trash/{entryId}/restore: 200 with what was restored."""
        message = trash_service_pb2.RestoreEntryRequest(id=entry_id)
        reply = await call(self._trash.RestoreEntry, message, timeout=_RESTORE_SECONDS)
        return responses.json(trash.listing(reply.entries))

    async def purge(self, request: Request, entry_id: str) -> Response:
        """DELETE /x/trash/{entryId}: 204 if it is purged, 202 if the rest is purged in the background."""
        message = trash_service_pb2.PurgeEntryRequest(id=entry_id)
        reply = await call(self._trash.PurgeEntry, message, timeout=_RESTORE_SECONDS)
        return Response(HTTPStatus.ACCEPTED) if reply.continues else responses.no_content()
