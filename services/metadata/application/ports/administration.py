"""What administering the tables needs of a table engine."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol


class Column(NamedTuple):
    """A column; its own ones are those that the service needs."""

    name: str
    type: str  # string, int64, float64, binary, bool, or the engine's own word
    own: bool


class Table(NamedTuple):
    """A table and its size."""

    name: str
    columns: Sequence[Column]
    own: bool
    rows: int
    bytes: int

    def column(self, name: str) -> Column | None:
        """The column of that name."""
        return next((column for column in self.columns if column.name == name), None)


class Projection(NamedTuple):
    """Another order of a table's rows."""

    name: str
    sorted_by: Sequence[str]
    also: Sequence[str]
    own: bool
    status: str


class Endpoint(NamedTuple):
    """A database server and how it has been doing."""

    address: str
    latency_seconds: float
    error_rate: float
    out_of_use: bool


class Cache(NamedTuple):
    """Rows kept in memory, and how often reads since the start found what they asked there."""

    entries: int
    hits: int
    misses: int


class Administration(Protocol):
    """Sees and changes the tables themselves. Each change is one transaction.

    Who calls has checked that the tables, columns and projections named are there and may be changed.
    """

    @property
    def engine(self) -> str:
        """The engine's name."""
        ...

    @property
    def schema(self) -> str:
        """The name of what holds the tables."""
        ...

    async def tables(self) -> list[Table]:
        """All tables by name."""
        ...

    async def table(self, name: str) -> Table | None:
        """One table; its size need not be right."""
        ...

    def missing(self, present: Sequence[Table]) -> list[str]:
        """What the service needs and these tables lack, as table or table.column."""
        ...

    def endpoints(self) -> list[Endpoint]:
        """The servers of an engine that has several."""
        ...

    def cache(self) -> Cache | None:
        """The cache of an engine that has one."""
        ...

    async def count_values(self, table: str, column: str) -> int:
        """Rows whose column is not NULL."""
        ...

    async def add_column(self, table: str, name: str, type_name: str) -> None:
        """Add a column that is NULL in all rows."""
        ...

    async def rename_column(self, table: str, name: str, new_name: str) -> None:
        """Give a column another name."""
        ...

    async def drop_column(self, table: str, name: str) -> None:
        """Remove a column."""
        ...

    async def refresh(self) -> None:
        """Forget what is remembered of the tables."""
        ...

    async def projections(self, table: str) -> list[Projection]:
        """The projections of a table by name."""
        ...

    async def create_projection(
        self, table: str, name: str, sorted_by: Sequence[str], also: Sequence[str]
    ) -> None:
        """Make a projection."""
        ...

    async def drop_projection(self, table: str, name: str) -> None:
        """Remove a projection."""
        ...

    async def reset(self) -> None:
        """Remove all rows, and the columns, tables and projections that others added."""
        ...

    async def segment_counts(self, flow_ids: Sequence[str]) -> Mapping[str, int]:
        """How many segments the statistics of flows tell of; flows without statistics are left out."""
        ...
