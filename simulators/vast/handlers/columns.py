"""Columns: list, add, rename, drop."""

from collections.abc import Callable, Sequence

import pyarrow as pa

from simulators.vast.database import Database
from simulators.vast.http.connection import Reply, Request
from simulators.vast.http.paging import page, wanted
from simulators.vast.http.refusals import bad_request, not_implemented
from simulators.vast.queries.arrow import read_schema
from simulators.vast.tables.column_types import check_fields
from simulators.vast.tables.table import Table


def list_all(database: Database, request: Request) -> Reply:
    """Lists columns with their place in the sorting key in each field's metadata."""
    if "sub-table" in request.params:
        raise not_implemented("imports, nor the table that lists them")
    table = _table(database, request)
    names, headers = page(wanted(table.schema.names, request), request)
    return _listing([_described(table, name) for name in names], headers)


def list_sorted(database: Database, request: Request) -> Reply:
    """Lists the columns of the sorting key; a table without one is refused (400)."""
    table = _table(database, request)
    if not table.sorting_key:
        raise bad_request(
            "InvalidArgument", "Listing sorted columns of a table without elysium being enabled"
        )
    names, headers = page(wanted(table.sorting_key, request), request)
    return _listing([_described(table, name) for name in names], headers)


def add(database: Database, request: Request) -> Reply:
    """Adds columns."""
    schema = read_schema(request.body)
    check_fields(schema)
    _change(database, request, lambda table: table.add_columns(list(schema)))
    return Reply()


def rename(database: Database, request: Request) -> Reply:
    """Renames a column."""
    params = request.params
    old, new = params.get("tabular-column-name", ""), params.get("tabular-new-column-name")
    if not new:
        raise bad_request("InvalidArgument", "Only the name of a column can be altered")
    _change(database, request, lambda table: table.rename_column(old, new))
    return Reply()


def drop(database: Database, request: Request) -> Reply:
    """Drops columns."""
    names = read_schema(request.body).names
    _change(database, request, lambda table: table.drop_columns(names))
    return Reply()


def _table(database: Database, request: Request) -> Table:
    with database.transactions.within(request.txid) as tx:
        return tx.view.find(database.table_name(request))


def _change(database: Database, request: Request, how: Callable[[Table], Table]) -> None:
    with database.transactions.within(request.txid) as tx:
        handle = tx.view.find(database.table_name(request)).handle
        database.transactions.claim(tx, ("definition", handle))
        tx.apply(lambda catalog: catalog.change(handle, how))


def _described(table: Table, name: str) -> pa.Field:
    """The field with some metadata, because the SDK reads metadata without checking that they exist."""
    metadata = {"VAST:sort_type": "Unsorted"}
    if name in table.sorting_key:
        metadata = {"VAST:sort_type": "Sorted", "VAST:sort_index": f"{table.sorting_key.index(name):04d}"}
    return table.field(name).with_metadata(metadata)


def _listing(fields: Sequence[pa.Field], headers: dict[str, str]) -> Reply:
    return Reply(headers=headers, body=pa.schema(fields).serialize().to_pybytes())
