"""Checks the types of columns, and whether a batch fits the columns of a table."""

import pyarrow as pa
from pyarrow import types

from simulators.vast.http.refusals import Refusal, bad_request
from simulators.vast.tables.table import Table

MAX_LIST_SIZE = 1 << 16
MAX_CELL_BYTES = 128 << 10

_SCALARS = (
    types.is_integer,
    types.is_floating,
    types.is_boolean,
    types.is_string,
    types.is_binary,
    types.is_fixed_size_binary,
    types.is_decimal128,
    types.is_date32,
    types.is_time,
    types.is_timestamp,
)
_IN_FIXED_LISTS = (
    types.is_integer,
    types.is_floating,
    types.is_decimal128,
    types.is_date32,
    types.is_time,
    types.is_timestamp,
)


def check_fields(schema: pa.Schema) -> None:
    """Raises Refusal (400) for a type that no table takes, or a name used twice."""
    if len(set(schema.names)) != len(schema.names):
        raise bad_request("InvalidArgument", "Column names are used twice")
    for field in schema:
        _check_type(field.name, field.type)


def check_batch(table: Table, batch: pa.RecordBatch) -> None:
    """Raises Refusal (400, 404) unless the columns are the table's own and every cell is small enough."""
    for field in batch.schema:
        expected = table.field(field.name)
        if not _same_type(expected, field):
            raise bad_request(
                "TabularMismatchColumnType", f"Column {field.name} is {expected.type}, not {field.type}"
            )
        _check_cells(field, batch.column(field.name))


def _check_type(name: str, kind: pa.DataType) -> None:
    if types.is_fixed_size_list(kind):
        _check_fixed_list(name, kind)
    elif types.is_list(kind):
        _check_type(name, kind.value_type)
    elif types.is_map(kind):
        _check_type(name, kind.key_type)
        _check_type(name, kind.item_type)
    elif types.is_struct(kind):
        for field in kind:
            _check_type(f"{name}.{field.name}", field.type)
    elif not any(test(kind) for test in _SCALARS):
        raise _unsupported(name, kind)


def _check_fixed_list(name: str, kind: pa.DataType) -> None:
    if kind.list_size == 0:
        raise bad_request("TabularInvalidColumnTypeParam", f"Column {name} is a list of nothing")
    element = kind.value_field
    if (
        element.nullable
        or kind.list_size > MAX_LIST_SIZE
        or not any(t(element.type) for t in _IN_FIXED_LISTS)
    ):
        raise _unsupported(name, kind)


def _same_type(expected: pa.Field, sent: pa.Field) -> bool:
    if types.is_fixed_size_list(expected.type):
        return bool(expected.type == sent.type) and expected.nullable == sent.nullable
    return bool(expected.type == sent.type)


def _check_cells(field: pa.Field, column: pa.Array) -> None:
    if not (types.is_string(field.type) or types.is_binary(field.type)) or column.nbytes <= MAX_CELL_BYTES:
        return
    longest = pa.compute.max(pa.compute.binary_length(column)).as_py() or 0
    if longest > MAX_CELL_BYTES:
        raise bad_request("InvalidArgument", f"A cell of column {field.name} has {longest} bytes")


def _unsupported(name: str, kind: pa.DataType) -> Refusal:
    return bad_request(
        "TabularUnsupportedColumnType", f"TabularUnsupportedColumnType: column {name} of type {kind}"
    )
