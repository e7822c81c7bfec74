"""What all endpoints of one server share: buckets, transactions, and the numbers handed out."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tests.vast.catalog import SchemaName, TableName
from tests.vast.http import Request
from tests.vast.refusals import bad_request, not_found
from tests.vast.segments import RowIds
from tests.vast.transactions import Transactions


@dataclass
class Database:
    """The state of a cluster. Used by one thread only."""

    buckets: frozenset[str]
    version: tuple[int, int, int, int]
    vips: Sequence[str] = ("127.0.0.1",)
    transactions: Transactions = field(default_factory=Transactions)
    _next_rows: dict[int, int] = field(default_factory=dict)
    _handles: int = 0

    def new_handle(self) -> int:
        """Returns a table number that was never used."""
        self._handles += 1
        return self._handles

    def new_row_ids(self, handle: int, count: int) -> RowIds:
        """Returns ids for rows to insert; a rollback leaves a gap."""
        first = self._next_rows.get(handle, 0)
        self._next_rows[handle] = first + count
        return np.arange(first, first + count, dtype=np.uint64)

    def use_row_ids(self, handle: int, ids: RowIds) -> None:
        """Keeps ids that the client chose from being handed out."""
        self._next_rows[handle] = max(self._next_rows.get(handle, 0), int(ids[-1]) + 1)

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
        if len(request.segments) < 3:
            raise bad_request("InvalidArgument", "The path names no table")
        *schema, table = request.segments[1:]
        return TableName(SchemaName(bucket, "/".join(schema)), table)
