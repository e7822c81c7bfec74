"""`/x/admin/reconciliation`: differences between the objects of the store and the bytes in its buckets."""

from typing import Final

from tams.media.v1 import reconciliation_service_pb2 as pb

from gateway.clients.services import Services
from gateway.codecs.administration import reconciliation as codec
from gateway.handlers.administration.gate import Gate
from gateway.http import responses
from gateway.http.requests import Request
from gateway.http.responses import Response
from services.shared.rpc.client import call

# A step ends after about ten seconds and one page more.
_STEP_SECONDS: Final = 60.0


class Reconciliation:
    """The handler that compares the objects of the store with its buckets."""

    def __init__(self, services: Services, gate: Gate) -> None:
        self._reconciliation = services.reconciliation
        self._gate = gate

    async def get(self, request: Request) -> Response:
        """GET /x/admin/reconciliation: compare some more objects; repeat with the next key."""
        self._gate.check(request)
        message = pb.ReconcileRequest(page_token=request.query().page())
        reply = await call(self._reconciliation.Reconcile, message, timeout=_STEP_SECONDS)
        return responses.json(codec.step(reply))
