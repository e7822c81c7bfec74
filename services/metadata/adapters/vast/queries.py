"""Queries as values, so that a transaction sends each of them only once."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

from services.vast_client.filters.filters import Filter, Scalar
from services.vast_client.plans import Kind

# Values by column; "$row_id" is the row's id.
Row: TypeAlias = Mapping[str, Any]
# The values to write into a row, by column.
Values: TypeAlias = dict[str, Any]
ROW_ID = "$row_id"


class Lookup(NamedTuple):
    """The rows with a value in a column. Lookups by the same column are sent together.

    `exist` is True if the value is known to have rows, so asking which values exist would not pay.
    """

    table: str
    column: str
    value: Scalar
    columns: tuple[str, ...]
    exist: bool = False


class Current(NamedTuple):
    """The rows of a lookup, read in this transaction instead of from the cache."""

    lookup: Lookup


class Select(NamedTuple):
    """The rows that pass a filter; up to `cap` of them, in no order, if that is set.

    A standing query looks for work again and again. Outside of changes, its result may miss writes of other
    processes of the last `quiet.QUIET_SECONDS`.
    """

    table: str
    where: Filter
    columns: tuple[str, ...]
    cap: int | None = None
    kind: Kind = Kind.PAGE
    standing: bool = False


Query: TypeAlias = Lookup | Current | Select


class Missing(BaseException):
    """Rows were not fetched yet. It is no Exception, because only the code that runs rules may catch it."""

    def __init__(self, queries: Sequence[Query]) -> None:
        super().__init__()
        self.queries = queries


class Answers(Protocol):
    """The source of the committed rows of queries."""

    def rows(self, queries: Sequence[Query]) -> list[Sequence[Row]]:
        """The committed rows of each query; Missing for rows that were not fetched yet."""
        ...
