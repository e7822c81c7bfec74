"""`/x/admin/loads`: bulk loads."""

from http import HTTPStatus
from typing import Final

from tams.metadata.v1 import load_service_pb2

from gateway.clients.services import Services
from gateway.codecs.administration import load as codec
from gateway.handlers.administration.gate import Gate
from gateway.http import responses
from gateway.http.requests import Request
from gateway.http.responses import Response
from gateway.http.wire.body import BodyReader
from services.shared.rpc.client import call

# For one batch, which may wait for other batches and for the disk.
_BATCH_SECONDS: Final = 60.0


class Loads:
    """Handlers of bulk loads: many rows in batches, each in one transaction."""

    def __init__(self, services: Services, bodies: BodyReader, gate: Gate) -> None:
        self._loads = services.loads
        self._bodies = bodies
        self._gate = gate

    async def post(self, request: Request) -> Response:
        """POST /x/admin/loads: begin a load; a load with this id that exists is returned unchanged."""
        self._gate.check(request)
        async with self._bodies.read(request) as body:
            load = await call(self._loads.StartLoad, codec.start_request(body))
        return responses.json(codec.document(load), status=HTTPStatus.CREATED)

    async def list(self, request: Request) -> Response:
        """GET /x/admin/loads."""
        self._gate.check(request)
        reply = await call(self._loads.ListLoads, load_service_pb2.ListLoadsRequest())
        return responses.json(codec.listing(reply.loads))

    async def get(self, request: Request, load_id: str) -> Response:
        """GET /x/admin/loads/{loadId}."""
        self._gate.check(request)
        return responses.json(
            codec.document(await call(self._loads.GetLoad, load_service_pb2.GetLoadRequest(id=load_id)))
        )

    async def rows(self, request: Request, load_id: str) -> Response:
        """POST /x/admin/loads/{loadId}/rows: insert the next batch."""
        self._gate.check(request)
        async with self._bodies.read(request) as body:
            message = codec.rows_request(load_id, body, request.query())
            reply = await call(self._loads.LoadRows, message, timeout=_BATCH_SECONDS)
        return responses.json(codec.batch(reply))

    async def finish(self, request: Request, load_id: str) -> Response:
        """PUT /x/admin/loads/{loadId}: finish the load."""
        self._gate.check(request)
        async with self._bodies.read(request) as body:
            codec.check_end(body)
            load = await call(self._loads.FinishLoad, load_service_pb2.FinishLoadRequest(id=load_id))
        return responses.json(codec.document(load))

    async def delete(self, request: Request, load_id: str) -> Response:
        """DELETE /x/admin/loads/{loadId}: remove some of the inserted rows; repeat until done."""
        self._gate.check(request)
        reply = await call(
            self._loads.RollBackLoad, load_service_pb2.RollBackLoadRequest(id=load_id), timeout=_BATCH_SECONDS
        )
        return responses.json(codec.rollback(reply))
