"""Which part of a filter the server evaluates, and what is left to be evaluated here.

The SDK takes a conjunction; each term of it is a disjunction of comparisons of one column with literals.
It refuses the rest on the client, so nothing else may reach it. The predicate lets every row pass that
the filter does: what it lets pass too much, `rest` takes out again.
"""

from collections.abc import Callable, Iterator
from functools import reduce
from operator import and_, or_
from typing import Any, Final, NamedTuple

import ibis

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
)
from services.shared.vast.matching import beyond_int64, columns_of, values_of

Term = Callable[[Any], Any]

_TERMS: Final[dict[type, Callable[[Any, Any], Any]]] = {
    Equal: lambda column, wanted: column == wanted.value,
    In: lambda column, wanted: column.isin(list(wanted.values)),
    Below: lambda column, wanted: column < wanted.bound,
    AtMost: lambda column, wanted: column <= wanted.bound,
    Above: lambda column, wanted: column > wanted.bound,
    AtLeast: lambda column, wanted: column >= wanted.bound,
    IsNull: lambda column, _: column.isnull(),
}


class Pushed(NamedTuple):
    """An ibis predicate for the server, and the filter that is left; None where there is nothing."""

    predicate: Any
    rest: Filter | None
    never: bool = False  # no row can pass: nothing needs to be asked


def push_down(wanted: Filter) -> Pushed:
    """Split a filter."""
    predicates, rest = [], []
    for term in _terms(wanted):
        if _is_never(term):
            return Pushed(None, None, never=True)
        members = [predicate for one in _members(term) if (predicate := _predicate(one)) is not None]
        if members and len(members) == len(_members(term)) and len(columns_of(term)) == 1:
            predicates.append(reduce(or_, members))
        else:
            rest.append(term)
    return Pushed(
        reduce(and_, predicates) if predicates else None,
        (rest[0] if len(rest) == 1 else And(tuple(rest))) if rest else None,
    )


def _terms(wanted: Filter) -> Iterator[Filter]:
    if isinstance(wanted, And):
        for part in wanted.filters:
            yield from _terms(part)
    elif isinstance(wanted, Or) and len(wanted.filters) == 1:
        yield from _terms(wanted.filters[0])
    else:
        yield wanted


def _members(term: Filter) -> tuple[Filter, ...]:
    return term.filters if isinstance(term, Or) else (term,)


def _is_never(term: Filter) -> bool:
    return isinstance(term, In | Or) and not (term.values if isinstance(term, In) else term.filters)


def _predicate(wanted: Filter) -> Any:
    """The comparison in ibis; None for what the SDK refuses or reads another way."""
    if isinstance(wanted, Not):
        return _negated(wanted.filter)
    make = _TERMS.get(type(wanted))
    if make is None or isinstance(wanted, And | Or | Not) or _is_never(wanted) or _is_odd(wanted):
        return None
    return make(ibis._[wanted.column], wanted)


def _negated(wanted: Filter) -> Any:
    if isinstance(wanted, IsNull):
        return ~ibis._[wanted.column].isnull()
    if isinstance(wanted, Equal) and not _is_odd(wanted):
        return ibis._[wanted.column] != wanted.value
    return None


def _is_odd(wanted: Filter) -> bool:
    """Whether ibis takes its values otherwise: it rewrites booleans into what the SDK refuses."""
    return beyond_int64(wanted) or any(isinstance(value, bool) for value in values_of(wanted))
