"""AdministrationService."""

from functools import partial

from tams.metadata.v1 import administration_service_pb2, administration_service_pb2_grpc

from services.metadata.application.administration.administration import ColumnChange, TableAdministration
from services.metadata.application.administration.consistency import CheckResult, Consistency, Scope
from services.metadata.application.ports.administration import Column, Projection, Table
from services.metadata.servicers.convert import Fields
from services.shared.rpc.interceptors import Context
from services.shared.rpc.server import Registration


class AdministrationServicer(administration_service_pb2_grpc.AdministrationServiceServicer):
    """Translates between messages and TableAdministration."""

    def __init__(self, admin: TableAdministration, consistency: Consistency) -> None:
        self._admin = admin
        self._consistency = consistency

    async def ListTables(
        self, request: administration_service_pb2.ListTablesRequest, context: Context
    ) -> administration_service_pb2.ListTablesResponse:
        """All tables."""
        tables, cache = await self._admin.tables(), self._admin.cache()
        return administration_service_pb2.ListTablesResponse(
            schema=self._admin.schema,
            engine=self._admin.engine,
            tables=map(_table, tables),
            missing=self._admin.missing(tables),
            unfit=self._admin.unfit(tables),
            endpoints=[
                administration_service_pb2.Endpoint(**endpoint._asdict())
                for endpoint in self._admin.endpoints()
            ],
            cache=None if cache is None else administration_service_pb2.Cache(**cache._asdict()),
        )

    async def GetColumn(
        self, request: administration_service_pb2.GetColumnRequest, context: Context
    ) -> administration_service_pb2.Column:
        """One column."""
        return _column(await self._admin.column(request.table, request.column))

    async def AddColumn(
        self, request: administration_service_pb2.AddColumnRequest, context: Context
    ) -> administration_service_pb2.ColumnChange:
        """Add a column."""
        change = await self._admin.add_column(
            request.table, request.name, request.type, dry_run=request.dry_run
        )
        return _change(change)

    async def RenameColumn(
        self, request: administration_service_pb2.RenameColumnRequest, context: Context
    ) -> administration_service_pb2.ColumnChange:
        """Give a column another name."""
        change = await self._admin.rename_column(
            request.table, request.column, request.name, confirm=request.confirm, dry_run=request.dry_run
        )
        return _change(change)

    async def DropColumn(
        self, request: administration_service_pb2.DropColumnRequest, context: Context
    ) -> administration_service_pb2.ColumnChange:
        """Remove a column."""
        change = await self._admin.drop_column(
            request.table, request.column, confirm=request.confirm, dry_run=request.dry_run
        )
        return _change(change)

    async def RefreshTables(
        self, request: administration_service_pb2.RefreshTablesRequest, context: Context
    ) -> administration_service_pb2.RefreshTablesResponse:
        """Forget what is remembered."""
        await self._admin.refresh()
        return administration_service_pb2.RefreshTablesResponse()

    async def ListProjections(
        self, request: administration_service_pb2.ListProjectionsRequest, context: Context
    ) -> administration_service_pb2.ListProjectionsResponse:
        """The projections of a table."""
        found = await self._admin.projections(request.table)
        return administration_service_pb2.ListProjectionsResponse(projections=map(_projection, found))

    async def CreateProjection(
        self, request: administration_service_pb2.CreateProjectionRequest, context: Context
    ) -> administration_service_pb2.Projection:
        """Make a projection."""
        made = await self._admin.create_projection(
            request.table, request.name, list(request.sorted_by), list(request.also)
        )
        return _projection(made)

    async def DropProjection(
        self, request: administration_service_pb2.DropProjectionRequest, context: Context
    ) -> administration_service_pb2.DropProjectionResponse:
        """Remove a projection."""
        await self._admin.drop_projection(request.table, request.name)
        return administration_service_pb2.DropProjectionResponse()

    async def ResetTables(
        self, request: administration_service_pb2.ResetTablesRequest, context: Context
    ) -> administration_service_pb2.ResetTablesResponse:
        """Remove everything."""
        tables = await self._admin.reset(confirm=request.confirm, dry_run=request.dry_run)
        return administration_service_pb2.ResetTablesResponse(
            tables=map(_table, tables), done=not request.dry_run
        )

    async def CheckConsistency(
        self, request: administration_service_pb2.CheckConsistencyRequest, context: Context
    ) -> administration_service_pb2.CheckConsistencyResponse:
        """Look for contradictions."""
        result = await self._consistency.check(_scope(request))
        return administration_service_pb2.CheckConsistencyResponse(**_result(result))

    async def RepairTables(
        self, request: administration_service_pb2.RepairTablesRequest, context: Context
    ) -> administration_service_pb2.RepairTablesResponse:
        """Look for contradictions and rewrite what follows from other rows."""
        result = await self._consistency.repair(
            _scope(request), confirm=request.confirm, dry_run=request.dry_run
        )
        return administration_service_pb2.RepairTablesResponse(**_result(result), done=not request.dry_run)


def registration(admin: TableAdministration, consistency: Consistency) -> Registration:
    """The service for a server."""
    add = administration_service_pb2_grpc.add_AdministrationServiceServicer_to_server
    return (
        administration_service_pb2.DESCRIPTOR.services_by_name["AdministrationService"],
        partial(add, AdministrationServicer(admin, consistency)),
    )


def _scope(
    request: administration_service_pb2.CheckConsistencyRequest
    | administration_service_pb2.RepairTablesRequest,
) -> Scope:
    return Scope(request.max_flows, request.max_segments, request.after)


def _result(result: CheckResult) -> Fields:
    found = [administration_service_pb2.Inconsistency(**finding._asdict()) for finding in result.found]
    return {
        "inconsistencies": found, "flows": result.flows, "segments": result.segments,
        "complete": result.complete, "after": result.after,
    }  # fmt: skip


def _table(table: Table) -> administration_service_pb2.Table:
    return administration_service_pb2.Table(
        name=table.name,
        columns=map(_column, table.columns),
        own=table.own,
        rows=table.rows,
        bytes=table.bytes,
        sorted_by=table.sorted_by,
    )


def _column(column: Column) -> administration_service_pb2.Column:
    return administration_service_pb2.Column(**column._asdict())


def _change(change: ColumnChange) -> administration_service_pb2.ColumnChange:
    return administration_service_pb2.ColumnChange(
        column=_column(change.column), values=change.values, done=change.done
    )


def _projection(projection: Projection) -> administration_service_pb2.Projection:
    return administration_service_pb2.Projection(**projection._asdict())
