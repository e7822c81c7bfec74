"""Filters evaluated here: on one row, and on Arrow tables."""

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from services.shared.vast.filters import (
    Above,
    And,
    AtLeast,
    AtMost,
    Below,
    Equal,
    Filter,
    In,
    IsNull,
    Not,
    Or,
    Scalar,
)

_Comparison: TypeAlias = Equal | In | Below | AtMost | Above | AtLeast
_COMPARED: Final[dict[type, Callable[[Any, Any], bool]]] = {
    Below: lambda value, bound: value < bound,
    AtMost: lambda value, bound: value <= bound,
    Above: lambda value, bound: value > bound,
    AtLeast: lambda value, bound: value >= bound,
}
_COMPUTED: Final[dict[type, Callable[[Any, Any], Any]]] = {
    Below: pc.less,
    AtMost: pc.less_equal,
    Above: pc.greater,
    AtLeast: pc.greater_equal,
}


def matches(wanted: Filter, row: Mapping[str, Any]) -> bool:
    """Whether a row passes."""
    return _truth(wanted, row) is True


def keep(wanted: Filter, table: pa.Table) -> pa.Table:
    """The rows of a table that pass, in their order."""
    return table.filter(_mask(wanted, table))


def columns_of(wanted: Filter) -> frozenset[str]:
    """The columns that a filter looks at."""
    if isinstance(wanted, And | Or):
        return frozenset().union(*map(columns_of, wanted.filters))
    if isinstance(wanted, Not):
        return columns_of(wanted.filter)
    return frozenset((wanted.column,))


def values_of(comparison: Filter) -> tuple[Scalar, ...]:
    """The literals of one comparison."""
    if isinstance(comparison, In):
        return comparison.values
    literal = getattr(comparison, "value", getattr(comparison, "bound", None))
    return () if literal is None else (literal,)


def beyond_int64(comparison: Filter) -> bool:
    """Whether one comparison has a number that no column can hold."""
    return any(isinstance(value, int) and not -(2**63) <= value < 2**63 for value in values_of(comparison))


def _truth(wanted: Filter, row: Mapping[str, Any]) -> bool | None:
    """True, False, or None where SQL says NULL."""
    if isinstance(wanted, And | Or):
        return _combined(wanted, row)
    if isinstance(wanted, Not):
        inner = _truth(wanted.filter, row)
        return None if inner is None else not inner
    if isinstance(wanted, IsNull):
        return row[wanted.column] is None
    return _compared(wanted, row[wanted.column])


def _compared(wanted: _Comparison, value: Any) -> bool | None:
    if isinstance(wanted, In) and not wanted.values:
        return False
    if value is None:
        return None
    if isinstance(wanted, Equal):
        return bool(value == wanted.value)
    if isinstance(wanted, In):
        return value in wanted.values
    return _COMPARED[type(wanted)](value, wanted.bound)


def _combined(wanted: And | Or, row: Mapping[str, Any]) -> bool | None:
    decisive = isinstance(wanted, Or)  # one True decides an Or, one False an And
    unknown = False
    for part in wanted.filters:
        truth = _truth(part, row)
        if truth is decisive:
            return decisive
        unknown = unknown or truth is None
    return None if unknown else not decisive


def _mask(wanted: Filter, table: pa.Table) -> Any:
    if isinstance(wanted, And | Or):
        every = pa.array([isinstance(wanted, And)] * table.num_rows, pa.bool_())
        join = pc.and_kleene if isinstance(wanted, And) else pc.or_kleene
        return reduce(join, (_mask(part, table) for part in wanted.filters), every)
    if isinstance(wanted, Not):
        return pc.invert(_mask(wanted.filter, table))
    column = table[wanted.column]
    if isinstance(wanted, IsNull):
        return pc.is_null(column)
    return _compared_column(wanted, column)


def _compared_column(wanted: _Comparison, column: Any) -> Any:
    if beyond_int64(wanted):
        return pa.array([_compared(wanted, value) for value in column.to_pylist()], pa.bool_())
    if isinstance(wanted, Equal):
        return pc.equal(column, pa.scalar(wanted.value, column.type))
    if isinstance(wanted, In):
        found = pc.is_in(column, pa.array(wanted.values, column.type))
        valid = pc.is_valid(column) if wanted.values else pa.array([True] * len(column), pa.bool_())
        return pc.if_else(valid, found, pa.scalar(None, pa.bool_()))
    return _COMPUTED[type(wanted)](column, pa.scalar(wanted.bound, column.type))
