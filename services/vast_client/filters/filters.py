"""The filters of rows that the services use.

A filter is a value that can be compared and hashed. The server evaluates the part of it that it can, the
client the rest. Comparisons follow SQL: NULL never matches, also inside `Not`.
"""

from dataclasses import dataclass
from typing import TypeAlias

Scalar: TypeAlias = int | str | bytes | bool


@dataclass(frozen=True, slots=True)
class Equal:
    """The column has the value."""

    column: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class In:
    """The column has one of the values; an empty tuple matches nothing."""

    column: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Below:
    """The column is less than the bound."""

    column: str
    bound: int | str


@dataclass(frozen=True, slots=True)
class AtMost:
    """The column is less than or equal to the bound."""

    column: str
    bound: int | str


@dataclass(frozen=True, slots=True)
class Above:
    """The column is greater than the bound."""

    column: str
    bound: int | str


@dataclass(frozen=True, slots=True)
class AtLeast:
    """The column is greater than or equal to the bound."""

    column: str
    bound: int | str


@dataclass(frozen=True, slots=True)
class IsNull:
    """The column is NULL."""

    column: str


@dataclass(frozen=True, slots=True)
class Not:
    """The filter does not match. A comparison with NULL matches neither way."""

    filter: "Filter"


@dataclass(frozen=True, slots=True)
class And:
    """All of the filters match; an empty tuple matches every row."""

    filters: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of the filters matches; an empty tuple matches no row."""

    filters: "tuple[Filter, ...]"


Filter: TypeAlias = Equal | In | Below | AtMost | Above | AtLeast | IsNull | Not | And | Or
EVERYTHING = And(())
