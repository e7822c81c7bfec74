"""What a table must be like."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ProjectionSpec:
    """Another order of a table's rows: sorted by some columns, with others beside them."""

    name: str
    sorted_by: tuple[str, ...]
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableSpec:
    """A table: its columns (an Arrow schema), the order of its rows, its projections."""

    name: str
    columns: Any
    sorted_by: tuple[str, ...] = ()
    projections: tuple[ProjectionSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class TableStatistics:
    """What the server counts of a table."""

    rows: int
    bytes: int
