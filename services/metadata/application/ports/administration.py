"""The interface of a table engine for administering its tables."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from services.shared.errors import TamsError

# Tables whose rows a reset keeps: its caller could not log in afterwards, and the audit log shows all resets.
KEPT: Final = frozenset({"users", "api_keys", "audit", "audit_new"})


class Column(NamedTuple):
    """A column of a table. It is `own` if the service needs it."""

    name: str
    type: str  # string, int64, float64, binary, bool, or a word of the engine
    own: bool


class Table(NamedTuple):
    """A table with its columns and size in bytes. It is `own` if the service needs it."""

    name: str
    columns: Sequence[Column]
    own: bool
    rows: int
    bytes: int
    # The columns by which the engine keeps the rows sorted; empty for other engines.
    sorted_by: Sequence[str] = ()

    def column(self, name: str) -> Column | None:
        """The column of that name; None if there is no such column."""
        return next((column for column in self.columns if column.name == name), None)


class Projection(NamedTuple):
    """A copy of a table in another order, which contains the columns `sorted_by` and `also`."""

    name: str
    sorted_by: Sequence[str]
    also: Sequence[str]
    own: bool
    status: str


class Endpoint(NamedTuple):
    """A database server, with averages of its recent requests."""

    address: str
    latency_seconds: float
    error_rate: float
    out_of_use: bool


class Cache(NamedTuple):
    """The cache of a process: the number of its rows, and of the reads that it did and did not serve."""

    entries: int
    hits: int
    misses: int
    process: str


class Damage(NamedTuple):
    """The damage found in the pages of a database file, a sentence for each."""

    found: Sequence[str] = ()
    # Whether the whole file was checked.
    complete: bool = True


class Recorded(NamedTuple):
    """The recorded statistics of a flow."""

    segments: int = 0
    # The duration of the longest segment that the flow ever had; None for engines that do not record it.
    longest_ns: int | None = None


class Administration(Protocol):
    """Reads and changes the tables themselves. Each change is one transaction.

    The caller has checked that the tables, columns and projections exist and may be changed.
    """

    @property
    def engine(self) -> str:
        """The engine's name."""
        ...

    @property
    def schema(self) -> str:
        """The name of the schema or file with the tables."""
        ...

    async def tables(self) -> list[Table]:
        """All tables, ascending by name."""
        ...

    async def table(self, name: str) -> Table | None:
        """The table, whose size may be wrong; None if it does not exist."""
        ...

    def missing(self, present: Sequence[Table]) -> list[str]:
        """The tables and columns that the service needs and that are missing, as table or table.column."""
        ...

    def unfit(self, present: Sequence[Table]) -> list[str]:
        """The types and orders that differ from those that the service needs, a sentence for each."""
        ...

    def endpoints(self) -> list[Endpoint]:
        """The servers of the engine; empty for an engine without servers."""
        ...

    def cache(self) -> Cache | None:
        """The cache; None for an engine without one."""
        ...

    async def count_values(self, table: str, column: str) -> int:
        """The number of rows in which the column is not NULL."""
        ...

    async def add_column(self, table: str, name: str, type_name: str) -> None:
        """Add a column that is NULL in all rows."""
        ...

    async def rename_column(self, table: str, name: str, new_name: str) -> None:
        """Rename a column."""
        ...

    async def drop_column(self, table: str, name: str) -> None:
        """Remove a column."""
        ...

    async def refresh(self) -> None:
        """Drop everything that is cached about the tables."""
        ...

    async def projections(self, table: str) -> list[Projection]:
        """The projections of a table, ascending by name."""
        ...

    async def create_projection(
        self, table: str, name: str, sorted_by: Sequence[str], also: Sequence[str]
    ) -> None:
        """Create a projection."""
        ...

    async def drop_projection(self, table: str, name: str) -> None:
        """Remove a projection."""
        ...

    async def reset(self) -> None:
        """Remove all rows of the service's tables, with columns and projections that others added to them.

        The tables in KEPT stay as they are.
        """
        ...

    def refusal(self) -> TamsError | None:
        """The error that writes get at present; None if they are accepted, or if that is unknown."""
        ...

    def free_bytes(self) -> int | None:
        """The number of bytes by which the tables can still grow; None if that is unknown."""
        ...

    async def damage(self) -> Damage:
        """The damage found in some seconds; none for an engine that checks its own storage."""
        ...

    async def recorded(self, flow_ids: Sequence[str]) -> Mapping[str, Recorded]:
        """The recorded statistics, by flow id. Flows without statistics are missing."""
        ...
