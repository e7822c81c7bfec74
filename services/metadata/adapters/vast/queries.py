"""Reads, as values: what was asked once within a transaction need not be asked again."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

from services.shared.vast.filters import Filter, Scalar
from services.shared.vast.plans import Kind

# Values by column; "$row_id" is the row's id.
Row: TypeAlias = Mapping[str, Any]
ROW_ID = "$row_id"


class Lookup(NamedTuple):
    """The rows whose column holds a value. Lookups of one column are sent together."""

    table: str
    column: str
    value: Scalar
    columns: tuple[str, ...]


class Select(NamedTuple):
    """Rows that pass a filter; at most `cap` of them, any, when that is set."""

    table: str
    where: Filter
    columns: tuple[str, ...]
    cap: int | None = None
    kind: Kind = Kind.PAGE


Query: TypeAlias = Lookup | Select


class Missing(BaseException):
    """Rows that were not fetched yet. No error of a rule: nothing but who runs rules may catch it."""

    def __init__(self, queries: Sequence[Query]) -> None:
        super().__init__()
        self.queries = queries


class Answers(Protocol):
    """Knows, or finds out, the rows of queries."""

    def rows(self, queries: Sequence[Query]) -> list[Sequence[Row]]:
        """The committed rows for each query; raises Missing."""
        ...
