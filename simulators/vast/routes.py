"""The operations of requests: their names, for counters and faults, and the functions that carry them out."""

from collections.abc import Callable
from dataclasses import dataclass

from simulators.vast.database import Database
from simulators.vast.handlers import (
    buckets,
    columns,
    projections,
    queries,
    rows,
    schemas,
    tables,
    transactions,
)
from simulators.vast.http.connection import Reply, Request
from simulators.vast.http.refusals import bad_request, not_implemented


@dataclass(frozen=True)
class Operation:
    """A kind of request."""

    name: str
    carry_out: Callable[[Database, Request], Reply]


def _left_out(what: str) -> Callable[[Database, Request], Reply]:
    def refuse(database: Database, request: Request) -> Reply:
        raise not_implemented(what)

    return refuse


_BLOB_EXPANSION = Operation("blob_expansion", _left_out("blob expansion"))

OPERATIONS = {
    ("POST", "transaction"): Operation("begin", transactions.begin),
    ("PUT", "transaction"): Operation("commit", transactions.commit),
    ("DELETE", "transaction"): Operation("rollback", transactions.rollback),
    ("GET", "transaction"): Operation("get_transaction", transactions.get_transaction),
    ("HEAD", ""): Operation("head_bucket", buckets.head_bucket),
    ("GET", ""): Operation("list_snapshots", buckets.list_snapshots),
    ("GET", "schema"): Operation("list_schemas", schemas.list_children),
    ("POST", "schema"): Operation("create_schema", schemas.create),
    ("PUT", "schema"): Operation("rename_schema", schemas.rename),
    ("DELETE", "schema"): Operation("drop_schema", schemas.drop),
    ("GET", "table"): Operation("list_tables", tables.list_all),
    ("POST", "table"): Operation("create_table", tables.create),
    ("PUT", "table"): Operation("alter_table", tables.alter),
    ("DELETE", "table"): Operation("drop_table", tables.drop),
    ("GET", "stats"): Operation("table_stats", tables.stats),
    ("GET", "column"): Operation("list_columns", columns.list_all),
    ("GET", "sorted-columns"): Operation("list_sorted_columns", columns.list_sorted),
    ("POST", "column"): Operation("add_columns", columns.add),
    ("PUT", "column"): Operation("rename_column", columns.rename),
    ("DELETE", "column"): Operation("drop_columns", columns.drop),
    ("POST", "rows"): Operation("insert", rows.insert),
    ("PUT", "rows"): Operation("update", rows.update),
    ("DELETE", "rows"): Operation("delete", rows.delete),
    ("GET", "data"): Operation("query", queries.query),
    ("POST", "data"): Operation("import_data", _left_out("imports")),
    ("GET", "projection"): Operation("list_projections", projections.list_all),
    ("POST", "projection"): Operation("create_projection", projections.create),
    ("PUT", "projection"): Operation("rename_projection", projections.rename),
    ("DELETE", "projection"): Operation("drop_projection", projections.drop),
    ("GET", "projection-columns"): Operation("list_projection_columns", projections.list_columns),
    ("GET", "projection-stats"): Operation("projection_stats", projections.stats),
    ("DELETE", "partitions"): Operation("delete_partitions", _left_out("partitioned tables")),
    ("POST", "blob-expansion"): _BLOB_EXPANSION,
    ("PUT", "blob-expansion"): _BLOB_EXPANSION,
    ("GET", "blob-expansion"): _BLOB_EXPANSION,
    ("DELETE", "blob-expansion"): _BLOB_EXPANSION,
}
ROW_REQUESTS = frozenset({"query", "insert", "update", "delete"})
_PROBE = Operation("probe", transactions.probe)


def operation_of(request: Request) -> Operation:
    """Returns the operation of a request; raises Refusal (400)."""
    if "tabular-get-vast-version" in request.headers:
        return _PROBE
    operation = OPERATIONS.get((request.method, request.command))
    if operation is None:
        raise bad_request(
            "InvalidRequest", f"{request.method} ?{request.command} is no request of this protocol"
        )
    return operation
