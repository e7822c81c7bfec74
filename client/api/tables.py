"""What the administration of a store tells: tables, consistency, bulk loads."""

from typing import Literal

import msgspec

from client.api.models import Problem

Kind = Literal["sources", "flows", "objects", "segments"]


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column; the service needs its own ones."""

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


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A database server and how it has been doing."""

    address: str
    latency_seconds: float
    error_rate: float
    out_of_use: bool


class Cache(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that the process which answered keeps in memory, and reads since its start."""

    entries: int
    hits: int
    misses: int


class Tables(msgspec.Struct, frozen=True, kw_only=True):
    """All tables, and what holds them."""

    schema: str
    engine: str
    tables: list[Table]
    missing: list[str]
    endpoints: list[Endpoint]
    cache: Cache | None = None


class ColumnChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a change of a column did, or would do."""

    column: Column
    values: int
    done: bool


class Projection(msgspec.Struct, frozen=True, kw_only=True):
    """Another order of a table's rows."""

    name: str
    sorted_by: list[str]
    also: list[str]
    own: bool
    status: str


class WasReset(msgspec.Struct, frozen=True, kw_only=True):
    """What a reset removed, or would remove."""

    tables: list[Table]
    done: bool


class Inconsistency(msgspec.Struct, frozen=True, kw_only=True):
    """Something in the tables that contradicts something else."""

    kind: str
    table: str
    id: str
    summary: str


class Consistency(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at and found."""

    inconsistencies: list[Inconsistency]
    flows: int
    segments: int
    complete: bool


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """A bulk load; `rows` is the place of the next row of its input."""

    id: str
    kind: Kind
    state: str
    rows: int
    inserted: int
    skipped: int


class FailedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row that was not inserted, by its place in the input, and why."""

    row: int
    error: Problem


class LoadedRows(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a batch."""

    load: Load
    committed: bool
    repeated: bool
    failed: int
    failures: list[FailedRow]


class LoadRollback(msgspec.Struct, frozen=True, kw_only=True):
    """How far a rollback is."""

    load: Load
    done: bool
    removed: int
    kept: int
