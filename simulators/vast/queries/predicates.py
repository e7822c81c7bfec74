"""Conditions evaluated on whole batches; NULL matches no comparison."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, TypeGuard

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from simulators.vast.http.refusals import bad_request
from simulators.vast.queries.literals import Value, to_arrow
from simulators.vast.queries.relation import Column, Junction, Term

Mask = Any
ColumnOf = Callable[[str], pa.Array]

_COMPARISONS = {
    "equal": pc.equal,
    "not_equal": pc.not_equal,
    "less": pc.less,
    "less_equal": pc.less_equal,
    "greater": pc.greater,
    "greater_equal": pc.greater_equal,
}


def matching(condition: Term | Junction, column_of: ColumnOf) -> pa.Array:
    """Returns which rows fulfil the condition, without nulls; raises Refusal (400)."""
    try:
        mask = _evaluate(condition, column_of)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, OverflowError) as error:
        raise bad_request("InvalidArgument", f"The predicate does not fit its column: {error}") from error
    return mask if mask is True else pc.fill_null(mask, False)


def _evaluate(condition: Term | Junction, column_of: ColumnOf) -> Mask:
    if isinstance(condition, Term):
        return _term(condition, column_of)
    if condition.function == "or":
        return reduce(pc.or_kleene, _alternatives(condition.members, column_of))
    masks = [mask for member in condition.members if (mask := _evaluate(member, column_of)) is not True]
    return reduce(pc.and_kleene, masks) if masks else True


def _alternatives(members: Sequence[Term | Junction], column_of: ColumnOf) -> list[Mask]:
    """The masks of an `or`, many equalities of one column as one look-up."""
    equal = [member for member in members if _is_equality(member)]
    if len(equal) <= 1 or len({term.column for term in equal}) > 1:
        return [_evaluate(member, column_of) for member in members]
    column = _resolve(equal[0].column, column_of)
    among = pc.is_in(column, value_set=to_arrow([term.values[0] for term in equal], column.type))
    rest = [_evaluate(member, column_of) for member in members if not _is_equality(member)]
    # is_in is false where the column is null; so is what the comparison would have come to.
    return [among, *rest]


def _is_equality(member: Term | Junction) -> TypeGuard[Term]:
    """Whether a member compares a column with one value."""
    return isinstance(member, Term) and member.function == "equal" and not isinstance(member.values[0], tuple)


def _term(term: Term, column_of: ColumnOf) -> Mask:
    column = _resolve(term.column, column_of)
    if term.function == "is_null":
        return pc.is_null(column)
    if term.function == "is_valid":
        return pc.is_valid(column)
    if term.function == "match_substring":
        return pc.match_substring(column, pattern=_text(term.values[0]))
    if term.function not in _COMPARISONS or len(term.values) != 1:
        raise bad_request(
            "InvalidArgument", f"There is no function {term.function} of {len(term.values)} values"
        )
    value = term.values[0]
    if isinstance(value, tuple):
        return _compare_lists(term.function, column, value)
    return _COMPARISONS[term.function](column, to_arrow([value], column.type)[0])


def _text(value: Value) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _resolve(column: Column, column_of: ColumnOf) -> pa.Array:
    """The column, or what its path names: fields of structs; the items of a fixed list stand for the list."""
    array = column_of(column.name)
    for index in column.path:
        if types.is_fixed_size_list(array.type):
            break
        if not types.is_struct(array.type):
            raise bad_request("InvalidArgument", f"Predicates inside {array.type} are not supported")
        array = pc.struct_field(array, [index])
    return array


def _compare_lists(function: str, column: pa.Array, values: tuple[Value, ...]) -> Mask:
    """Compares fixed-size lists with a list, item by item from the front."""
    if not types.is_fixed_size_list(column.type) or len(values) != column.type.list_size:
        raise bad_request("InvalidArgument", f"A list of {len(values)} cannot be compared with {column.type}")
    wanted = to_arrow(values, column.type.value_type)
    items = [pc.list_element(column, index) for index in range(len(values))]
    same = reduce(pc.and_, (pc.equal(item, value) for item, value in zip(items, wanted, strict=True)))
    if function == "equal":
        return same
    if function == "not_equal":
        return pc.invert(same)
    strict = pc.less if function.startswith("less") else pc.greater
    ordered = pa.array([function.endswith("_equal")] * len(column))
    for item, value in reversed(list(zip(items, wanted, strict=True))):
        ordered = pc.or_(strict(item, value), pc.and_(pc.equal(item, value), ordered))
    return ordered
