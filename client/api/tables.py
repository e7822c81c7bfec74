"""The answers of the administration routes: tables, consistency, bulk loads."""

from typing import Literal

import msgspec

from client.api.models import Problem

Kind = Literal["sources", "flows", "objects", "segments"]


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column; the service needs those that are `own`."""

    name: str
    type: str
    own: bool


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table and its size."""

    name: str
    own: bool
    rows: int
    bytes: int
    columns: list[Column]
    sorted_by: list[str] = []


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A database server, with its recent latency and error rate."""

    address: str
    latency_seconds: float
    error_rate: float
    out_of_use: bool


class Cache(msgspec.Struct, frozen=True, kw_only=True):
    """The row cache of the process that answered: its rows now, and its reads since the start."""

    entries: int
    hits: int
    misses: int
    process: str = ""


class Tables(msgspec.Struct, frozen=True, kw_only=True):
    """All tables, with their schema, engine and database servers."""

    schema: str
    engine: str
    tables: list[Table]
    missing: list[str]
    endpoints: list[Endpoint]
    unfit: list[str] = []
    cache: Cache | None = None


class ColumnChange(msgspec.Struct, frozen=True, kw_only=True):
    """The effect of a change of a column, or the effect it would have."""

    column: Column
    values: int
    done: bool


class Projection(msgspec.Struct, frozen=True, kw_only=True):
    """A copy of a table's columns in another order of rows."""

    name: str
    sorted_by: list[str]
    also: list[str]
    own: bool
    status: str


class WasReset(msgspec.Struct, frozen=True, kw_only=True):
    """The rows that a reset removed, or would remove."""

    tables: list[Table]
    done: bool


class Inconsistency(msgspec.Struct, frozen=True, kw_only=True):
    """A row that contradicts another row."""

    kind: str
    table: str
    id: str
    summary: str
    mendable: bool = False
    advice: str = ""
    mended: bool = False


class Consistency(msgspec.Struct, frozen=True, kw_only=True):
    """The rows that were checked, and those found or repaired; `after` is where to continue."""

    inconsistencies: list[Inconsistency]
    flows: int
    segments: int
    complete: bool
    after: str = ""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """A bulk load; `rows` is the index of the next row of its input."""

    id: str
    kind: Kind
    state: str
    rows: int
    inserted: int
    skipped: int
    changed_ms: int = 0


class FailedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row that was not inserted: its index in the input, and the error."""

    row: int
    error: Problem


class LoadedRows(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a batch."""

    load: Load
    committed: bool
    repeated: bool
    failed: int
    failures: list[FailedRow]


class LoadRollback(msgspec.Struct, frozen=True, kw_only=True):
    """The progress of a rollback."""

    load: Load
    done: bool
    removed: int
    kept: int
