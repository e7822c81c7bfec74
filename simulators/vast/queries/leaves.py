"""Columns taken apart into leaves: a nested column travels as one array per scalar inside it."""

from collections.abc import Iterator

import pyarrow as pa
from pyarrow import types


def leaves(column: pa.Array) -> list[pa.Array]:
    """Returns one array per leaf, depth first; a struct has one field, a map is a list of such structs."""
    if not types.is_nested(column.type):
        return [column]
    # Taking gives buffers that start at the first row, which is what the parts below are built from.
    whole = column.take(pa.array(range(len(column)), pa.int64()))
    return list(_leaves(whole))


def _leaves(column: pa.Array) -> Iterator[pa.Array]:  # noqa: C901 - a case for each nesting
    kind = column.type
    if types.is_struct(kind):
        for index, field in enumerate(kind):
            for leaf in _leaves(column.field(index)):
                yield _wrapped(column, pa.struct([field.with_type(leaf.type)]), leaf)
    elif types.is_map(kind):
        yield from _map_leaves(column)
    elif types.is_fixed_size_list(kind):
        for leaf in _leaves(column.values):
            yield _wrapped(column, pa.list_(kind.value_field.with_type(leaf.type), kind.list_size), leaf)
    elif types.is_list(kind):
        for leaf in _leaves(column.values):
            yield _wrapped(column, pa.list_(kind.value_field.with_type(leaf.type)), leaf)
    else:
        yield column


def _map_leaves(column: pa.Array) -> Iterator[pa.Array]:
    kind = column.type
    for field, values in ((kind.key_field, column.keys), (kind.item_field, column.items)):
        for leaf in _leaves(values):
            entry = pa.struct([field.with_type(leaf.type)])
            entries = pa.Array.from_buffers(entry, len(leaf), [None], children=[leaf])
            yield _wrapped(column, pa.list_(pa.field("entries", entry)), entries)


def _wrapped(outer: pa.Array, kind: pa.DataType, child: pa.Array) -> pa.Array:
    """The outer array's own buffers around one child."""
    buffers = outer.buffers()[: kind.num_buffers]
    return pa.Array.from_buffers(kind, len(outer), buffers, children=[child])
