"""The state that all endpoints of a server share: buckets, transactions, and used numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from simulators.vast.http.connection import Request
from simulators.vast.http.refusals import bad_request, forbidden, not_found
from simulators.vast.tables.catalog import SchemaName, TableName
from simulators.vast.tables.segments import RowIds
from simulators.vast.tables.transactions import Transactions

# The schemas of a snapshot are below this path and its name, in the bucket.
SNAPSHOTS = ".snapshot"


@dataclass
class Database:
    """The state of a cluster. Used by one thread only."""

    buckets: frozenset[str]
    version: tuple[int, int, int, int]
    vips: Sequence[str] = ("127.0.0.1",)
    # The progress of all projections, in percent.
    projection_progress: int = 100
    transactions: Transactions = field(default_factory=Transactions)
    # The next row id of each table, by the table's number.
    next_rows: dict[int, int] = field(default_factory=dict)
    # The number of tables so far, with those that were dropped.
    handles: int = 0
    # The bucket and name of each snapshot.
    snapshots: list[tuple[str, str]] = field(default_factory=list)

    def copy_tables(self, other: "Database") -> None:
        """Takes over the committed tables of another database, before the first transaction."""
        self.transactions.committed = other.transactions.committed.copy()
        self.next_rows, self.handles = dict(other.next_rows), other.handles

    def take_snapshot(self, bucket: str, name: str) -> None:
        """Keeps the committed schemas and tables of a bucket under the name of a snapshot."""
        copies = self.transactions.committed.copy()

        def kept(schema: SchemaName) -> SchemaName:
            return SchemaName(bucket, f"{SNAPSHOTS}/{name}/{schema.path}")

        def is_live(schema: SchemaName) -> bool:
            return schema.bucket == bucket and not schema.path.startswith(f"{SNAPSHOTS}/")

        for schema in filter(is_live, list(copies.schemas)):
            copies.schemas[kept(schema)] = copies.schemas[schema]
        for table, handle in list(copies.names.items()):
            if is_live(table.schema):
                copy = replace(copies.tables[handle], handle=self.new_handle())
                copies.names[TableName(kept(table.schema), table.name)] = copy.handle
                copies.tables[copy.handle] = copy
        self.transactions.committed = copies
        self.snapshots.append((bucket, name))

    def new_handle(self) -> int:
        """Returns a table number that was never used."""
        self.handles += 1
        return self.handles

    def new_row_ids(self, handle: int, count: int) -> RowIds:
        """Returns ids for rows to insert; a rollback leaves a gap."""
        first = self.next_rows.get(handle, 0)
        self.next_rows[handle] = first + count
        return np.arange(first, first + count, dtype=np.uint64)

    def use_row_ids(self, handle: int, ids: RowIds) -> None:
        """Excludes ids that a client chose from those for new rows."""
        self.next_rows[handle] = max(self.next_rows.get(handle, 0), int(ids[-1]) + 1)

    def bucket(self, request: Request) -> str:
        """Returns the bucket that the path names; raises Refusal (404)."""
        name = request.segments[0] if request.segments else ""
        if name not in self.buckets:
            raise not_found("NoSuchBucket", f"There is no bucket {name}")
        return name

    def schema_name(self, request: Request) -> SchemaName:
        """Returns the schema that the path names, '' for the bucket itself; raises Refusal (403, 404)."""
        _refuse_change_of_snapshot(request)
        return SchemaName(self.bucket(request), "/".join(request.segments[1:]))

    def table_name(self, request: Request) -> TableName:
        """Returns the table that the path names; raises Refusal (400, 403)."""
        _refuse_change_of_snapshot(request)
        bucket = self.bucket(request)
        if len(request.segments) <= 2:  # noqa: PLR2004 - a bucket and a schema
            raise bad_request("InvalidArgument", "The path names no table")
        *schema, table = request.segments[1:]
        return TableName(SchemaName(bucket, "/".join(schema)), table)


def _refuse_change_of_snapshot(request: Request) -> None:
    if request.segments[1:2] == [SNAPSHOTS] and request.method not in ("GET", "HEAD"):
        raise forbidden("A snapshot cannot be changed")
