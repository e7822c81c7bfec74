"""The state that all endpoints of a server share: buckets, transactions, and used numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from simulators.vast.http.connection import Request
from simulators.vast.http.refusals import bad_request, not_found
from simulators.vast.tables.catalog import SchemaName, TableName
from simulators.vast.tables.segments import RowIds
from simulators.vast.tables.transactions import Transactions


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

    def copy_tables(self, other: "Database") -> None:
        """Takes over the committed tables of another database, before the first transaction."""
        self.transactions.committed = other.transactions.committed.copy()
        self.next_rows, self.handles = dict(other.next_rows), other.handles

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
        """Returns the schema that the path names, '' for the bucket itself."""
        return SchemaName(self.bucket(request), "/".join(request.segments[1:]))

    def table_name(self, request: Request) -> TableName:
        """Returns the table that the path names; raises Refusal (400)."""
        bucket = self.bucket(request)
        if len(request.segments) <= 2:  # noqa: PLR2004 - a bucket and a schema
            raise bad_request("InvalidArgument", "The path names no table")
        *schema, table = request.segments[1:]
        return TableName(SchemaName(bucket, "/".join(schema)), table)
