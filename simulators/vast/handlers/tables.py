"""Tables: list, create, rename, sort, drop, statistics."""

from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa

from simulators.vast.database import Database
from simulators.vast.http.connection import Reply, Request
from simulators.vast.http.paging import page, wanted
from simulators.vast.http.refusals import Refusal, bad_request, not_implemented
from simulators.vast.queries.arrow import read_schema
from simulators.vast.tables.catalog import SchemaName, TableName
from simulators.vast.tables.column_types import check_fields
from simulators.vast.tables.listings import list_tables, table_entry, table_stats
from simulators.vast.tables.table import Table, VectorIndex

_METRICS = ("l2sq", "ip")
_QUANTIZATIONS = ("scalar_8bit", "none")


def list_all(database: Database, request: Request) -> Reply:
    """Lists the tables of a schema; empty for an unknown schema."""
    schema = database.schema_name(request)
    with database.transactions.within(request.txid) as tx:
        view = tx.view
    handles = {name.name: handle for name, handle in view.names.items() if name.schema == schema}
    names, headers = page(wanted(sorted(handles), request), request)
    entries = [table_entry(name, view.tables[handles[name]]) for name in names]
    return Reply(headers=headers, body=list_tables(schema.bucket, schema.path, entries))


def create(database: Database, request: Request) -> Reply:
    """Creates a table. Its sorting key and vector index are in headers."""
    _refuse_sub_table(request)
    name = database.table_name(request)
    schema = read_schema(request.body)
    if any(key.startswith(b"VAST:table:partition-key") for key in schema.metadata or {}):
        raise not_implemented("partitioned tables")
    check_fields(schema)
    table = Table(
        handle=database.new_handle(),
        schema=schema.remove_metadata(),
        sorting_key=_sorting_key(database, request.headers, schema),
        vector_index=_vector_index(request.headers, schema),
        external_ids=request.headers.get("use-external-row-ids-alloc") == "True",
        properties=request.params.get("table-props", ""),
    )
    with database.transactions.within(request.txid) as tx:
        database.transactions.claim(tx, name)
        tx.apply(lambda catalog: catalog.create_table(name, table))
    return Reply()


def alter(database: Database, request: Request) -> Reply:
    """Renames a table, or gives it a sorting key."""
    old = database.table_name(request)
    target = request.params.get("tabular-new-table-name")
    with database.transactions.within(request.txid) as tx:
        table = tx.view.find(old)
        if target:
            path, _, last = target.rpartition("/")
            new = TableName(SchemaName(old.schema.bucket, path), last)
            database.transactions.claim(tx, old, new)
            tx.apply(lambda catalog: catalog.rename_table(old, new))
        key = _sorting_key(database, request.headers, table.schema)
        if key:
            if table.sorting_key:
                raise bad_request("InvalidArgument", "The table has a sorting key")
            database.transactions.claim(tx, ("definition", table.handle))
            tx.apply(lambda catalog: catalog.change(table.handle, lambda t: replace(t, sorting_key=key)))
    return Reply()


def drop(database: Database, request: Request) -> Reply:
    """Drops a table."""
    _refuse_sub_table(request)
    name = database.table_name(request)
    with database.transactions.within(request.txid) as tx:
        table = tx.view.find(name)
        database.transactions.claim(tx, name, ("definition", table.handle))
        tx.apply(lambda catalog: catalog.drop_table(name))
    return Reply()


def stats(database: Database, request: Request) -> Reply:
    """Returns the numbers of rows and bytes, and the addresses that serve data."""
    _refuse_sub_table(request)
    with database.transactions.within(request.txid) as tx:
        table = tx.view.find(database.table_name(request))
    return Reply(body=table_stats(table, database.vips))


def _sorting_key(database: Database, headers: Mapping[str, str], schema: pa.Schema) -> tuple[str, ...]:
    prefix = "tabular-sorted-column-"
    ranked = sorted((int(n.removeprefix(prefix)), int(v)) for n, v in headers.items() if n.startswith(prefix))
    indexes = [index for _, index in ranked]
    if any(not 0 <= index < len(schema) for index in indexes):
        if database.version >= (5, 5):
            raise bad_request("InvalidArgument", "A sorted column is not there")
        raise Refusal(500, "InternalError", "We encountered an internal error")
    return tuple(schema.field(index).name for index in indexes)


def _vector_index(headers: Mapping[str, str], schema: pa.Schema) -> VectorIndex | None:
    prefix = "tabular-vector-index-"
    column = headers.get(f"{prefix}column")
    if column is None:
        return None
    metric = headers.get(f"{prefix}distance-metric", "")
    cluster, search = (headers.get(f"{prefix}{k}-quantization", "scalar_8bit") for k in ("cluster", "search"))
    if schema.get_field_index(column) < 0:
        raise bad_request("InvalidArgument", f"invalid vector indexed column name {column}")
    if metric not in _METRICS:
        supported = ", ".join(f"'{name}'" for name in _METRICS)
        message = f"invalid vector index distance metric {metric}, supported metrics: {supported}"
        raise bad_request("InvalidArgument", message)
    if not {cluster, search} <= set(_QUANTIZATIONS) or (cluster, search) == ("scalar_8bit", "none"):
        raise bad_request("InvalidArgument", f"invalid vector index quantizations {cluster}, {search}")
    return VectorIndex(column, metric, cluster, search)


def _refuse_sub_table(request: Request) -> None:
    if "sub-table" in request.params:
        raise not_implemented("imports, nor the table that lists them")
