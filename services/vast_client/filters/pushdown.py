"""Splits a filter into the part that the server evaluates and the rest, which the client evaluates.

The SDK accepts a conjunction of terms, each of which is a disjunction of comparisons of one column with
literals, and raises an error for anything else. The predicate matches all rows that the filter matches, and
possibly more, which `rest` removes.
"""

from collections.abc import Callable, Iterator
from functools import reduce
from operator import and_, or_
from typing import Any, Final, NamedTuple

import ibis
from ibis import Deferred

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
)
from services.vast_client.filters.matching import beyond_int64, columns_of, values_of

_COMPARISONS: Final[dict[type, Callable[[Deferred, Any], Deferred]]] = {
    Equal: lambda column, where: column == where.value,
    In: lambda column, where: column.isin(list(where.values)),
    Below: lambda column, where: column < where.bound,
    AtMost: lambda column, where: column <= where.bound,
    Above: lambda column, where: column > where.bound,
    AtLeast: lambda column, where: column >= where.bound,
    IsNull: lambda column, _: column.isnull(),
}


class Pushed(NamedTuple):
    """An ibis predicate for the server and the rest of the filter; None if there is no such part.

    `never` is True if no row can match, so that no request is needed.
    """

    predicate: Deferred | None
    rest: Filter | None
    never: bool = False


def push_down(where: Filter) -> Pushed:
    """Split a filter into the two parts."""
    predicates, rest = [], []
    for term in _terms(where):
        if _matches_nothing(term):
            return Pushed(None, None, never=True)
        members = [predicate for member in _members(term) if (predicate := _predicate(member)) is not None]
        if members and len(members) == len(_members(term)) and len(columns_of(term)) == 1:
            predicates.append(reduce(or_, members))
        else:
            rest.append(term)
    return Pushed(
        reduce(and_, predicates) if predicates else None,
        (rest[0] if len(rest) == 1 else And(tuple(rest))) if rest else None,
    )


def _terms(where: Filter) -> Iterator[Filter]:
    if isinstance(where, And):
        for part in where.filters:
            yield from _terms(part)
    elif isinstance(where, Or) and len(where.filters) == 1:
        yield from _terms(where.filters[0])
    else:
        yield where


def _members(term: Filter) -> tuple[Filter, ...]:
    return term.filters if isinstance(term, Or) else (term,)


def _matches_nothing(term: Filter) -> bool:
    return isinstance(term, In | Or) and not (term.values if isinstance(term, In) else term.filters)


def _predicate(where: Filter) -> Deferred | None:
    """The comparison in ibis; None for a comparison that the SDK refuses or changes."""
    if isinstance(where, Not):
        return _negation(where.filter)
    compare = _COMPARISONS.get(type(where))
    if (
        compare is None
        or isinstance(where, And | Or | Not)
        or _matches_nothing(where)
        or _is_rewritten(where)
    ):
        return None
    return compare(ibis._[where.column], where)


def _negation(where: Filter) -> Deferred | None:
    if isinstance(where, IsNull):
        return ~ibis._[where.column].isnull()
    if isinstance(where, Equal) and not _is_rewritten(where):
        return ibis._[where.column] != where.value
    return None


def _is_rewritten(where: Filter) -> bool:
    """True for numbers beyond int64 and booleans, which ibis rewrites into a form that the SDK refuses."""
    return beyond_int64(where) or any(isinstance(value, bool) for value in values_of(where))
