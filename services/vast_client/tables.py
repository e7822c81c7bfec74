"""Specifications and statistics of tables."""

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class ProjectionSpec:
    """The rows of a table in another order: sorted by some columns, and with the columns `also`."""

    name: str
    sorted_by: tuple[str, ...]
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableSpec:
    """A required table: its columns (an Arrow schema), the sort order of its rows, and its projections."""

    name: str
    columns: pa.Schema
    sorted_by: tuple[str, ...] = ()
    projections: tuple[ProjectionSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class TableStatistics:
    """The number of rows and bytes of a table, as the server counts them."""

    rows: int
    bytes: int
