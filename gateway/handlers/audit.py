"""`/x/audit`: the audit log, an extension of this implementation."""

from gateway.clients.services import Services
from gateway.codecs import audit
from gateway.handlers.administration.gate import Gate
from gateway.http import responses
from gateway.http.paging import Paging
from gateway.http.requests import Request
from gateway.http.responses import Response
from services.shared.rpc.client import call


class Audit:
    """Handlers of the audit log."""

    def __init__(self, services: Services, paging: Paging, gate: Gate | None) -> None:
        """Without access control the log has the gate of administration."""
        self._audit = services.audit
        self._paging = paging
        self._gate = gate

    async def list(self, request: Request) -> Response:
        """GET /x/audit."""
        if self._gate is not None:
            self._gate.check(request)
        query = request.query()
        reply = await call(self._audit.ListAuditEntries, audit.list_request(query))
        headers = self._paging.headers(
            request, query, limit=reply.page_size, next_token=reply.next_page_token
        )
        return responses.json(audit.listing(reply.entries), headers=headers)
