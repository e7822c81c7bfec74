"""What a query asks of a row: the filters that the services use, and no more.

A filter is a value: it can be compared, hashed, sent to the server as far as the server can evaluate it,
and evaluated here. Comparisons follow SQL: a NULL never matches one, `Not` included.
"""

from dataclasses import dataclass
from typing import TypeAlias

Scalar: TypeAlias = "int | str | bytes | bool"


@dataclass(frozen=True, slots=True)
class Equal:
    """The column holds the value."""

    column: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class In:
    """The column holds one of the values; an empty tuple matches nothing."""

    column: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Below:
    """The column holds less than the bound."""

    column: str
    bound: int | str


@dataclass(frozen=True, slots=True)
class AtMost:
    """The column holds the bound or less."""

    column: str
    bound: int | str


@dataclass(frozen=True, slots=True)
class Above:
    """The column holds more than the bound."""

    column: str
    bound: int | str


@dataclass(frozen=True, slots=True)
class AtLeast:
    """The column holds the bound or more."""

    column: str
    bound: int | str


@dataclass(frozen=True, slots=True)
class IsNull:
    """The column holds nothing."""

    column: str


@dataclass(frozen=True, slots=True)
class Not:
    """The filter says no: NULL comparisons neither match nor match negated."""

    filter: "Filter"


@dataclass(frozen=True, slots=True)
class And:
    """All of the filters match; an empty tuple matches every row."""

    filters: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """One of the filters matches; an empty tuple matches none."""

    filters: "tuple[Filter, ...]"


Filter: TypeAlias = Equal | In | Below | AtMost | Above | AtLeast | IsNull | Not | And | Or
EVERYTHING = And(())
