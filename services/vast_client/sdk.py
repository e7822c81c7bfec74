"""The parts of the SDK's objects that this package uses. The SDK itself has no types."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Protocol, overload

import pyarrow as pa
from vastdb.table_metadata import TableMetadata


class Response(Protocol):
    """A reply of the server."""

    headers: Mapping[str, str]


class Counts(Protocol):
    """The size of a table as the server counts it."""

    num_rows: int
    size_in_bytes: int


class Request(Protocol):
    """A query request, and the columns of its reply."""

    response_schema: pa.Schema


class Api(Protocol):
    """The requests to one endpoint."""

    def begin_transaction(self) -> Response:
        """Begin a transaction. Its number is in a header of the reply."""
        ...

    def get_transaction(self, txid: int) -> object:
        """Request the state of a transaction, which also keeps it open."""
        ...

    def commit_transaction(self, txid: int) -> object:
        """Commit a transaction."""
        ...

    def rollback_transaction(self, txid: int) -> object:
        """Roll back a transaction."""
        ...

    def get_table_stats(self, bucket: str, schema: str, name: str, txid: int) -> Counts:
        """The numbers of rows and bytes of a table."""
        ...

    def get_projection_stats(
        self, bucket: str, schema: str, table: str, name: str, *, txid: int | None
    ) -> Sequence[int]:
        """The statistics of a projection. The last one is its progress in percent."""
        ...

    def query_data(self, **arguments: object) -> object:
        """Request rows of a split; the result is the reply."""
        ...

    def __exit__(self, *error: object) -> object:
        """Close the connections."""
        ...


class Features(Protocol):
    """The version of the cluster."""

    vast_version: Sequence[int]


class Session(Protocol):
    """A connection to one endpoint."""

    api: Api
    features: Features
    _context: object

    def transaction(self) -> "SdkTransaction":
        """A new transaction, which has not begun."""
        ...


class SdkProjection(Protocol):
    """A projection: a copy of a table in another sort order."""

    name: str
    table_metadata: TableMetadata

    def columns(self) -> Iterable[pa.Field]:
        """The columns of the projection. Their metadata name which ones it is sorted by."""
        ...

    def drop(self) -> object:
        """Drop the projection."""
        ...


class SdkTable(Protocol):
    """A table within a transaction."""

    name: str
    arrow_schema: pa.Schema
    stats: Counts | None
    _metadata: TableMetadata

    def insert(self, rows: pa.RecordBatch) -> object:
        """Insert rows."""
        ...

    def update(self, rows: pa.RecordBatch) -> object:
        """Update columns of rows by their row ids."""
        ...

    def delete(self, rows: pa.RecordBatch) -> object:
        """Delete rows by their row ids."""
        ...

    def add_column(self, new_column: pa.Schema) -> object:
        """Add columns."""
        ...

    def rename_column(self, current_column_name: str, new_column_name: str) -> object:
        """Rename a column."""
        ...

    def drop_column(self, column_to_drop: pa.Schema) -> object:
        """Drop columns."""
        ...

    def projection(self, name: str) -> SdkProjection:
        """The projection with the name."""
        ...

    def projections(self) -> Iterable[SdkProjection]:
        """All projections of the table."""
        ...

    def create_projection(
        self, projection_name: str, sorted_columns: list[str], unsorted_columns: list[str]
    ) -> object:
        """Create a projection."""
        ...

    def drop(self) -> object:
        """Drop the table."""
        ...


class SdkSchema(Protocol):
    """A schema within a transaction."""

    def tablenames(self) -> Iterable[str]:
        """The names of the tables in the schema."""
        ...

    def tables(self) -> Iterable[SdkTable]:
        """The tables in the schema."""
        ...

    def table(self, name: str) -> SdkTable:
        """The table with the name."""
        ...

    def create_table(self, table_name: str, columns: pa.Schema, *, sorting_key: list[str] = ...) -> SdkTable:
        """Create a table."""
        ...


class SdkBucket(Protocol):
    """A bucket within a transaction."""

    def snapshot(self, name: str, fail_if_missing: Literal[False]) -> "SdkBucket | None":
        """The bucket as it is in a snapshot."""
        ...

    @overload
    def schema(self, name: str) -> SdkSchema: ...
    @overload
    def schema(self, name: str, fail_if_missing: Literal[False]) -> SdkSchema | None: ...

    def create_schema(self, name: str) -> SdkSchema:
        """Create a schema."""
        ...


class SdkTransaction(Protocol):
    """A transaction; `txid` is None unless it is open."""

    txid: int | None
    _rpc: Session
    _session_context: object

    def bucket(self, name: str) -> SdkBucket:
        """The bucket with the name."""
        ...

    def table_from_metadata(self, metadata: TableMetadata) -> SdkTable:
        """The table of the metadata, which has its columns."""
        ...
