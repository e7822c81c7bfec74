"""`/x/admin/loads`: bulk loads."""

from http import HTTPStatus
from typing import Final

from tams.metadata.v1.load_service_pb2 import FinishLoadRequest, GetLoadRequest, RollBackLoadRequest

from gateway.clients.services import Services
from gateway.codecs import load as codec
from gateway.handlers.administration import Gate
from gateway.http import responses
from gateway.http.body import BodyReader
from gateway.http.requests import Request
from gateway.http.responses import Response
from services.shared.rpc.client import call

# Seconds for one batch, which may wait for others and for the disk.
_BATCH: Final = 60.0


class Loads:
    """Many rows in batches, each batch one transaction."""

    def __init__(self, services: Services, bodies: BodyReader, gate: Gate) -> None:
        self._loads = services.loads
        self._bodies = bodies
        self._gate = gate

    async def post(self, request: Request) -> Response:
        """POST /x/admin/loads: begin a load, or find it as it is."""
        self._gate.check(request)
        async with self._bodies.read(request) as body:
            load = await call(self._loads.StartLoad, codec.start_request(body))
        return responses.json(codec.document(load), status=HTTPStatus.CREATED)

    async def get(self, request: Request, load_id: str) -> Response:
        """GET /x/admin/loads/{loadId}."""
        self._gate.check(request)
        return responses.json(codec.document(await call(self._loads.GetLoad, GetLoadRequest(id=load_id))))

    async def rows(self, request: Request, load_id: str) -> Response:
        """POST /x/admin/loads/{loadId}/rows: the next batch."""
        self._gate.check(request)
        async with self._bodies.read(request) as body:
            asked = codec.rows_request(load_id, body, request.query())
            reply = await call(self._loads.LoadRows, asked, timeout=_BATCH)
        return responses.json(codec.batch(reply))

    async def finish(self, request: Request, load_id: str) -> Response:
        """PUT /x/admin/loads/{loadId}: it is done."""
        self._gate.check(request)
        async with self._bodies.read(request) as body:
            codec.check_end(body)
            load = await call(self._loads.FinishLoad, FinishLoadRequest(id=load_id))
        return responses.json(codec.document(load))

    async def delete(self, request: Request, load_id: str) -> Response:
        """DELETE /x/admin/loads/{loadId}: remove some of what it inserted."""
        self._gate.check(request)
        reply = await call(self._loads.RollBackLoad, RollBackLoadRequest(id=load_id), timeout=_BATCH)
        return responses.json(codec.rollback(reply))
