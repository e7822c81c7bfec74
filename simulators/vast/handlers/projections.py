"""Projections, which always have the present rows of their table."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import pyarrow as pa
from vastdb.vast_flatbuf.tabular.AlterProjectionTableRequest import AlterProjectionTableRequest
from vastdb.vast_flatbuf.tabular.ColumnType import ColumnType
from vastdb.vast_flatbuf.tabular.CreateProjectionRequest import CreateProjectionRequest

from simulators.vast.database import Database
from simulators.vast.http.connection import Reply, Request
from simulators.vast.http.paging import page, wanted
from simulators.vast.http.refusals import bad_request, conflict, not_found
from simulators.vast.tables.listings import Entry, list_projections, projection_stats
from simulators.vast.tables.table import Projection, Table

Projections = tuple[Projection, ...]


def list_all(database: Database, request: Request) -> Reply:
    """Lists the projections of a table."""
    name = database.table_name(request)
    table = _table(database, request)
    names, headers = page(wanted([p.name for p in table.projections], request), request)
    entries = [Entry(n, rows=table.row_count, size=table.size_in_bytes) for n in names]
    return Reply(
        headers=headers, body=list_projections(name.schema.bucket, name.schema.path, name.name, entries)
    )


def create(database: Database, request: Request) -> Reply:
    """Creates a projection over columns of the table."""
    body = CreateProjectionRequest.GetRootAs(request.body)
    columns = [body.Columns(index) for index in range(body.ColumnsLength())]
    by_sorting: dict[bool, list[str]] = {True: [], False: []}
    for column in columns:
        by_sorting[column.Type() == ColumnType.Sorted].append(column.Name().decode())
    projection = Projection(_name(request), tuple(by_sorting[True]), tuple(by_sorting[False]))
    if not projection.sorted_columns:
        raise bad_request("InvalidArgument", "A projection sorts by at least one column")

    def added(table: Table) -> Projections:
        if any(p.name == projection.name for p in table.projections):
            raise conflict(f"Projection {projection.name} exists")
        for column in projection.columns:
            table.field(column)
        return (*table.projections, projection)

    _change(database, request, added)
    return Reply()


def rename(database: Database, request: Request) -> Reply:
    """Renames a projection."""
    old, new = _name(request), AlterProjectionTableRequest.GetRootAs(request.body).NewName()
    if not new:
        raise bad_request("InvalidArgument", "Only the name of a projection can be altered")

    def renamed(table: Table) -> Projections:
        found = _find(table, old)
        return tuple(replace(p, name=new.decode()) if p is found else p for p in table.projections)

    _change(database, request, renamed)
    return Reply()


def drop(database: Database, request: Request) -> Reply:
    """Drops a projection."""
    name = _name(request)

    def dropped(table: Table) -> Projections:
        found = _find(table, name)
        return tuple(p for p in table.projections if p is not found)

    _change(database, request, dropped)
    return Reply()


def list_columns(database: Database, request: Request) -> Reply:
    """Lists the columns of a projection, with the sorted ones marked in the metadata."""
    table = _table(database, request)
    projection = _find(table, _name(request))
    names, headers = page(wanted(projection.columns, request), request)
    fields = (table.field(n).with_metadata(_sorting(n, projection.sorted_columns)) for n in names)
    return Reply(headers=headers, body=pa.schema(fields).serialize().to_pybytes())


def stats(database: Database, request: Request) -> Reply:
    """Returns the numbers of rows and bytes of a projection."""
    table = _table(database, request)
    projection = _find(table, _name(request))
    columns = (segment.batch.select(projection.columns) for segment in table.segments)
    size = sum(batch.nbytes for batch in columns)
    return Reply(body=projection_stats(table.row_count, size, database.projection_progress))


def _sorting(name: str, sorted_columns: Iterable[str]) -> dict[str, str]:
    return {"VAST:sort_type": "Sorted" if name in sorted_columns else "Unsorted"}


def _name(request: Request) -> str:
    name = request.params.get("name")
    if not name:
        raise bad_request("InvalidArgument", "The request names no projection")
    return name


def _find(table: Table, name: str) -> Projection:
    for projection in table.projections:
        if projection.name == name:
            return projection
    raise not_found("TabularNoSuchProjection", f"There is no projection {name}")


def _table(database: Database, request: Request) -> Table:
    with database.transactions.within(request.txid) as tx:
        return tx.view.find(database.table_name(request))


def _change(database: Database, request: Request, how: Callable[[Table], Projections]) -> None:
    with database.transactions.within(request.txid) as tx:
        handle = tx.view.find(database.table_name(request)).handle
        database.transactions.claim(tx, ("definition", handle))
        tx.apply(lambda c: c.change(handle, lambda t: replace(t, projections=how(t))))
