"""Evaluates filters in the client: on single rows and on Arrow tables."""

import operator
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from services.vast_client.filters.filters import (
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
# The values of a row by column; None is NULL.
Row: TypeAlias = Mapping[str, Any]
_COMPARED: Final[dict[type, Callable[[Any, int | str], bool]]] = {
    Below: operator.lt,
    AtMost: operator.le,
    Above: operator.gt,
    AtLeast: operator.ge,
}
_COMPUTED: Final[dict[type, Callable[[pa.ChunkedArray, pa.Scalar], pa.ChunkedArray]]] = {
    Below: pc.less,
    AtMost: pc.less_equal,
    Above: pc.greater,
    AtLeast: pc.greater_equal,
}


def matches(where: Filter, row: Row) -> bool:
    """True if the row matches."""
    return _truth(where, row) is True


def matching_rows(where: Filter, table: pa.Table) -> pa.Table:
    """The matching rows of a table, in their order."""
    return table.filter(_mask(where, table))


def columns_of(where: Filter) -> frozenset[str]:
    """The columns of a filter."""
    if isinstance(where, And | Or):
        return frozenset().union(*map(columns_of, where.filters))
    if isinstance(where, Not):
        return columns_of(where.filter)
    return frozenset((where.column,))


def values_of(comparison: Filter) -> tuple[Scalar, ...]:
    """The literal values of a comparison."""
    if isinstance(comparison, In):
        return comparison.values
    literal = getattr(comparison, "value", getattr(comparison, "bound", None))
    return () if literal is None else (literal,)


def beyond_int64(comparison: Filter) -> bool:
    """True if a comparison has a number beyond int64, which no column can have."""
    return any(isinstance(value, int) and not -(2**63) <= value < 2**63 for value in values_of(comparison))


def _truth(where: Filter, row: Row) -> bool | None:
    """True, False, or None for NULL in SQL."""
    if isinstance(where, And | Or):
        return _combine(where, row)
    if isinstance(where, Not):
        inner = _truth(where.filter, row)
        return None if inner is None else not inner
    if isinstance(where, IsNull):
        return row[where.column] is None
    return _compare(where, row[where.column])


def _compare(where: _Comparison, value: object) -> bool | None:
    if isinstance(where, In) and not where.values:
        return False
    if value is None:
        return None
    if isinstance(where, Equal):
        return bool(value == where.value)
    if isinstance(where, In):
        return value in where.values
    return _COMPARED[type(where)](value, where.bound)


def _combine(where: And | Or, row: Row) -> bool | None:
    decisive = isinstance(where, Or)  # one True decides an Or, one False an And
    has_null = False
    for part in where.filters:
        truth = _truth(part, row)
        if truth is decisive:
            return decisive
        has_null = has_null or truth is None
    return None if has_null else not decisive


def _mask(where: Filter, table: pa.Table) -> pa.ChunkedArray:
    if isinstance(where, And | Or):
        initial = pa.array([isinstance(where, And)] * table.num_rows, pa.bool_())
        join = pc.and_kleene if isinstance(where, And) else pc.or_kleene
        return reduce(join, (_mask(part, table) for part in where.filters), initial)
    if isinstance(where, Not):
        return pc.invert(_mask(where.filter, table))
    column = table[where.column]
    if isinstance(where, IsNull):
        return pc.is_null(column)
    return _compare_column(where, column)


def _compare_column(where: _Comparison, column: pa.ChunkedArray) -> pa.ChunkedArray:
    if beyond_int64(where):
        return pa.array([_compare(where, value) for value in column.to_pylist()], pa.bool_())
    if isinstance(where, Equal):
        return pc.equal(column, pa.scalar(where.value, column.type))
    if isinstance(where, In):
        is_in = pc.is_in(column, pa.array(where.values, column.type))
        is_valid = pc.is_valid(column) if where.values else pa.array([True] * len(column), pa.bool_())
        return pc.if_else(is_valid, is_in, pa.scalar(None, pa.bool_()))
    return _COMPUTED[type(where)](column, pa.scalar(where.bound, column.type))
