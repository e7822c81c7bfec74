"""`/x/admin`: tables, columns and projections."""

from http import HTTPStatus
from typing import Final

from tams.metadata.v1 import administration_service_pb2

from gateway.clients.services import Services
from gateway.codecs.administration import administration as codec
from gateway.handlers.administration.gate import Gate
from gateway.http import responses
from gateway.http.requests import Request
from gateway.http.responses import Response
from gateway.http.wire.body import BodyReader
from services.shared.rpc.client import call

# For changes of large tables and for reading many rows.
_TIMEOUT_SECONDS: Final = 60.0


class TableAdministration:
    """Handlers that show and change tables, for operators."""

    def __init__(self, services: Services, bodies: BodyReader, gate: Gate) -> None:
        self._tables = services.administration
        self._bodies = bodies
        self._gate = gate

    async def tables(self, request: Request) -> Response:
        """GET /x/admin/tables."""
        self._gate.check(request)
        reply = await call(
            self._tables.ListTables,
            administration_service_pb2.ListTablesRequest(),
            timeout=_TIMEOUT_SECONDS,
        )
        return responses.json(codec.tables(reply))

    async def column(self, request: Request, table: str, column: str) -> Response:
        """GET /x/admin/tables/{table}/columns/{column}."""
        self._gate.check(request)
        message = administration_service_pb2.GetColumnRequest(table=table, column=column)
        return responses.json(codec.column(await call(self._tables.GetColumn, message)))

    async def add_column(self, request: Request, table: str) -> Response:
        """POST /x/admin/tables/{table}/columns."""
        self._gate.check(request)
        async with self._bodies.read(request) as body:
            message = codec.add_column_request(table, body)
            reply = await call(self._tables.AddColumn, message, timeout=_TIMEOUT_SECONDS)
        return responses.json(codec.column_change(reply))

    async def rename_column(self, request: Request, table: str, column: str) -> Response:
        """PUT /x/admin/tables/{table}/columns/{column}."""
        self._gate.check(request)
        async with self._bodies.read(request) as body:
            message = codec.rename_column_request(table, column, body)
            reply = await call(self._tables.RenameColumn, message, timeout=_TIMEOUT_SECONDS)
        return responses.json(codec.column_change(reply))

    async def drop_column(self, request: Request, table: str, column: str) -> Response:
        """DELETE /x/admin/tables/{table}/columns/{column}."""
        self._gate.check(request)
        query = request.query()
        message = administration_service_pb2.DropColumnRequest(
            table=table,
            column=column,
            confirm=query.text("confirm") or "",
            dry_run=query.flag("dry_run") or False,
        )
        reply = await call(self._tables.DropColumn, message, timeout=_TIMEOUT_SECONDS)
        return responses.json(codec.column_change(reply))

    async def refresh(self, request: Request) -> Response:
        """DELETE /x/admin/cache: drop cached rows of the tables."""
        self._gate.check(request)
        await call(self._tables.RefreshTables, administration_service_pb2.RefreshTablesRequest())
        return responses.no_content()

    async def projections(self, request: Request, table: str) -> Response:
        """GET /x/admin/tables/{table}/projections."""
        self._gate.check(request)
        reply = await call(
            self._tables.ListProjections, administration_service_pb2.ListProjectionsRequest(table=table)
        )
        return responses.json(codec.projections(reply.projections))

    async def create_projection(self, request: Request, table: str) -> Response:
        """POST /x/admin/tables/{table}/projections."""
        self._gate.check(request)
        async with self._bodies.read(request) as body:
            message = codec.create_projection_request(table, body)
            reply = await call(self._tables.CreateProjection, message, timeout=_TIMEOUT_SECONDS)
        return responses.json(codec.projection(reply), status=HTTPStatus.CREATED)

    async def drop_projection(self, request: Request, table: str, projection: str) -> Response:
        """DELETE /x/admin/tables/{table}/projections/{projection}."""
        self._gate.check(request)
        message = administration_service_pb2.DropProjectionRequest(table=table, name=projection)
        await call(self._tables.DropProjection, message, timeout=_TIMEOUT_SECONDS)
        return responses.no_content()

    async def reset(self, request: Request) -> Response:
        """POST /x/admin/reset."""
        self._gate.check(request)
        async with self._bodies.read(request) as body:
            message = codec.reset_request(body)
            reply = await call(self._tables.ResetTables, message, timeout=_TIMEOUT_SECONDS)
        return responses.json(codec.reset_result(reply))

    async def consistency(self, request: Request) -> Response:
        """GET /x/admin/consistency."""
        self._gate.check(request)
        message = codec.check_request(request.query())
        reply = await call(self._tables.CheckConsistency, message, timeout=_TIMEOUT_SECONDS)
        return responses.json(codec.consistency(reply))

    async def repair(self, request: Request) -> Response:
        """POST /x/admin/consistency."""
        self._gate.check(request)
        async with self._bodies.read(request) as body:
            message = codec.repair_request(body)
            reply = await call(self._tables.RepairTables, message, timeout=_TIMEOUT_SECONDS)
        return responses.json(codec.repair_result(reply))
