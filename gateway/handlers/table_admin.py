"""`/x/admin`: tables, columns and projections."""

from http import HTTPStatus

from tams.metadata.v1 import table_admin_service_pb2 as pb2

from gateway.clients.services import Services
from gateway.codecs import table_admin as codec
from gateway.handlers.administration import Gate
from gateway.http import responses
from gateway.http.body import BodyReader
from gateway.http.requests import Request
from gateway.http.responses import Response
from services.shared.rpc.client import call

# Seconds: a change of a large table, or a look at many rows, takes its time.
_LONG = 60.0


class TableAdmin:
    """What an operator may see and change of the tables themselves."""

    def __init__(self, services: Services, bodies: BodyReader, gate: Gate) -> None:
        self._tables = services.table_admin
        self._bodies = bodies
        self._gate = gate

    async def tables(self, request: Request) -> Response:
        """GET /x/admin/tables."""
        self._gate.check(request)
        reply = await call(self._tables.ListTables, pb2.ListTablesRequest(), timeout=_LONG)
        return responses.json(codec.tables(reply))

    async def column(self, request: Request, table: str, column: str) -> Response:
        """GET /x/admin/tables/{table}/columns/{column}."""
        self._gate.check(request)
        asked = pb2.GetColumnRequest(table=table, column=column)
        return responses.json(codec.column(await call(self._tables.GetColumn, asked)))

    async def add_column(self, request: Request, table: str) -> Response:
        """POST /x/admin/tables/{table}/columns."""
        self._gate.check(request)
        async with self._bodies.read(request) as body:
            new = codec.decode(codec.new_column, body)
            asked = pb2.AddColumnRequest(table=table, name=new.name, type=new.type, dry_run=new.dry_run)
            reply = await call(self._tables.AddColumn, asked, timeout=_LONG)
        return responses.json(codec.change(reply))

    async def rename_column(self, request: Request, table: str, column: str) -> Response:
        """PUT /x/admin/tables/{table}/columns/{column}."""
        self._gate.check(request)
        async with self._bodies.read(request) as body:
            to = codec.decode(codec.column_name, body)
            asked = pb2.RenameColumnRequest(
                table=table, column=column, name=to.name, confirm=to.confirm, dry_run=to.dry_run
            )
            reply = await call(self._tables.RenameColumn, asked, timeout=_LONG)
        return responses.json(codec.change(reply))

    async def drop_column(self, request: Request, table: str, column: str) -> Response:
        """DELETE /x/admin/tables/{table}/columns/{column}."""
        self._gate.check(request)
        query = request.query()
        asked = pb2.DropColumnRequest(
            table=table,
            column=column,
            confirm=query.text("confirm") or "",
            dry_run=query.flag("dry_run") or False,
        )
        reply = await call(self._tables.DropColumn, asked, timeout=_LONG)
        return responses.json(codec.change(reply))

    async def refresh(self, request: Request) -> Response:
        """DELETE /x/admin/cache."""
        self._gate.check(request)
        await call(self._tables.RefreshTables, pb2.RefreshTablesRequest())
        return responses.no_content()

    async def projections(self, request: Request, table: str) -> Response:
        """GET /x/admin/tables/{table}/projections."""
        self._gate.check(request)
        reply = await call(self._tables.ListProjections, pb2.ListProjectionsRequest(table=table))
        return responses.json(codec.projections(reply.projections))

    async def create_projection(self, request: Request, table: str) -> Response:
        """POST /x/admin/tables/{table}/projections."""
        self._gate.check(request)
        async with self._bodies.read(request) as body:
            new = codec.decode(codec.new_projection, body)
            asked = pb2.CreateProjectionRequest(
                table=table, name=new.name, sorted_by=new.sorted_by, also=new.also
            )
            reply = await call(self._tables.CreateProjection, asked, timeout=_LONG)
        return responses.json(codec.column(reply), status=HTTPStatus.CREATED)

    async def drop_projection(self, request: Request, table: str, projection: str) -> Response:
        """DELETE /x/admin/tables/{table}/projections/{projection}."""
        self._gate.check(request)
        asked = pb2.DropProjectionRequest(table=table, name=projection)
        await call(self._tables.DropProjection, asked, timeout=_LONG)
        return responses.no_content()

    async def reset(self, request: Request) -> Response:
        """POST /x/admin/reset."""
        self._gate.check(request)
        async with self._bodies.read(request) as body:
            asked = codec.decode(codec.reset, body)
            reply = await call(
                self._tables.ResetTables,
                pb2.ResetTablesRequest(confirm=asked.confirm, dry_run=asked.dry_run),
                timeout=_LONG,
            )
        return responses.json(codec.was_reset(reply))

    async def consistency(self, request: Request) -> Response:
        """GET /x/admin/consistency."""
        self._gate.check(request)
        asked = codec.check_request(request.query())
        reply = await call(self._tables.CheckConsistency, asked, timeout=_LONG)
        return responses.json(codec.consistency(reply))
