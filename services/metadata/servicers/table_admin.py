"""TableAdminService."""

from functools import partial
from typing import Any

from tams.metadata.v1 import table_admin_service_pb2 as pb2
from tams.metadata.v1 import table_admin_service_pb2_grpc

from services.metadata.application.consistency import Consistency
from services.metadata.application.ports.administration import Column, Projection, Table
from services.metadata.application.table_admin import ColumnChange, TableAdmin
from services.shared.rpc.server import Registration


class TableAdminServicer(table_admin_service_pb2_grpc.TableAdminServiceServicer):
    """Translates between messages and TableAdmin."""

    def __init__(self, admin: TableAdmin, consistency: Consistency) -> None:
        self._admin = admin
        self._consistency = consistency

    async def ListTables(self, request: pb2.ListTablesRequest, context: Any) -> pb2.ListTablesResponse:
        """All tables."""
        tables, cache = await self._admin.tables(), self._admin.cache()
        return pb2.ListTablesResponse(
            schema=self._admin.schema,
            engine=self._admin.engine,
            tables=map(_table, tables),
            missing=self._admin.missing(tables),
            endpoints=[pb2.Endpoint(**one._asdict()) for one in self._admin.endpoints()],
            cache=None if cache is None else pb2.Cache(**cache._asdict()),
        )

    async def GetColumn(self, request: pb2.GetColumnRequest, context: Any) -> pb2.Column:
        """One column."""
        return _column(await self._admin.column(request.table, request.column))

    async def AddColumn(self, request: pb2.AddColumnRequest, context: Any) -> pb2.ColumnChange:
        """Add a column."""
        change = await self._admin.add_column(
            request.table, request.name, request.type, dry_run=request.dry_run
        )
        return _change(change)

    async def RenameColumn(self, request: pb2.RenameColumnRequest, context: Any) -> pb2.ColumnChange:
        """Give a column another name."""
        change = await self._admin.rename_column(
            request.table, request.column, request.name, confirm=request.confirm, dry_run=request.dry_run
        )
        return _change(change)

    async def DropColumn(self, request: pb2.DropColumnRequest, context: Any) -> pb2.ColumnChange:
        """Remove a column."""
        change = await self._admin.drop_column(
            request.table, request.column, confirm=request.confirm, dry_run=request.dry_run
        )
        return _change(change)

    async def RefreshTables(
        self, request: pb2.RefreshTablesRequest, context: Any
    ) -> pb2.RefreshTablesResponse:
        """Forget what is remembered."""
        await self._admin.refresh()
        return pb2.RefreshTablesResponse()

    async def ListProjections(
        self, request: pb2.ListProjectionsRequest, context: Any
    ) -> pb2.ListProjectionsResponse:
        """The projections of a table."""
        found = await self._admin.projections(request.table)
        return pb2.ListProjectionsResponse(projections=map(_projection, found))

    async def CreateProjection(self, request: pb2.CreateProjectionRequest, context: Any) -> pb2.Projection:
        """Make a projection."""
        made = await self._admin.create_projection(
            request.table, request.name, list(request.sorted_by), list(request.also)
        )
        return _projection(made)

    async def DropProjection(
        self, request: pb2.DropProjectionRequest, context: Any
    ) -> pb2.DropProjectionResponse:
        """Remove a projection."""
        await self._admin.drop_projection(request.table, request.name)
        return pb2.DropProjectionResponse()

    async def ResetTables(self, request: pb2.ResetTablesRequest, context: Any) -> pb2.ResetTablesResponse:
        """Remove everything."""
        tables = await self._admin.reset(confirm=request.confirm, dry_run=request.dry_run)
        return pb2.ResetTablesResponse(tables=map(_table, tables), done=not request.dry_run)

    async def CheckConsistency(
        self, request: pb2.CheckConsistencyRequest, context: Any
    ) -> pb2.CheckConsistencyResponse:
        """Look for contradictions."""
        seen = await self._consistency.check(request.max_flows, request.max_segments)
        return pb2.CheckConsistencyResponse(
            inconsistencies=[pb2.Inconsistency(**one._asdict()) for one in seen.found],
            flows=seen.flows,
            segments=seen.segments,
            complete=seen.complete,
        )


def registration(admin: TableAdmin, consistency: Consistency) -> Registration:
    """The service for a server."""
    add = table_admin_service_pb2_grpc.add_TableAdminServiceServicer_to_server
    return (
        pb2.DESCRIPTOR.services_by_name["TableAdminService"],
        partial(add, TableAdminServicer(admin, consistency)),
    )


def _table(table: Table) -> pb2.Table:
    columns = map(_column, table.columns)
    return pb2.Table(name=table.name, columns=columns, own=table.own, rows=table.rows, bytes=table.bytes)


def _column(column: Column) -> pb2.Column:
    return pb2.Column(**column._asdict())


def _change(change: ColumnChange) -> pb2.ColumnChange:
    return pb2.ColumnChange(column=_column(change.column), values=change.values, done=change.done)


def _projection(projection: Projection) -> pb2.Projection:
    return pb2.Projection(**projection._asdict())
