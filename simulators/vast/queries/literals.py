"""Literals of a query request, read as plain values and turned into Arrow scalars of a column's type."""

from collections.abc import Sequence
from decimal import Context, Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types
from vastdb.vast_flatbuf.org.apache.arrow.computeir.flatbuf import (
    BinaryLiteral,
    BooleanLiteral,
    DateLiteral,
    DecimalLiteral,
    Float16Literal,
    Float32Literal,
    Float64Literal,
    Int8Literal,
    Int16Literal,
    Int32Literal,
    Int64Literal,
    ListLiteral,
    StringLiteral,
    TimeLiteral,
    TimestampLiteral,
    UInt8Literal,
    UInt16Literal,
    UInt32Literal,
    UInt64Literal,
)
from vastdb.vast_flatbuf.org.apache.arrow.computeir.flatbuf.LiteralImpl import LiteralImpl

Value = bool | int | float | bytes | tuple["Value", ...]

_MODULES = (
    BinaryLiteral,
    BooleanLiteral,
    DateLiteral,
    DecimalLiteral,
    Float16Literal,
    Float32Literal,
    Float64Literal,
    Int8Literal,
    Int16Literal,
    Int32Literal,
    Int64Literal,
    ListLiteral,
    StringLiteral,
    TimeLiteral,
    TimestampLiteral,
    UInt8Literal,
    UInt16Literal,
    UInt32Literal,
    UInt64Literal,
)
# Every module is named like the one class in it.
_NAMES = {module.__name__.rpartition(".")[2]: module for module in _MODULES}
_CLASSES = {getattr(LiteralImpl, name): getattr(module, name) for name, module in _NAMES.items()}
_BYTES = frozenset({LiteralImpl.BinaryLiteral, LiteralImpl.DecimalLiteral})


def read_literal(literal: Any) -> Value:
    """Returns the value as it was sent: times and dates as numbers, text and decimals as bytes."""
    kind = literal.ImplType()
    if kind not in _CLASSES:
        raise ValueError(f"literal of kind {kind}")
    table = literal.Impl()
    impl = _CLASSES[kind]()
    impl.Init(table.Bytes, table.Pos)
    if kind == LiteralImpl.ListLiteral:
        return tuple(read_literal(impl.Values(i)) for i in range(impl.ValuesLength()))
    if kind in _BYTES:
        return b"" if impl.ValueIsNone() else bytes(impl.ValueAsNumpy())
    if kind == LiteralImpl.Float16Literal:
        return float(np.uint16(impl.Value()).view(np.float16))
    value: Value = impl.Value()
    return value


def to_arrow(values: Sequence[Value], kind: pa.DataType) -> pa.Array:
    """Returns the values as an array of the type that they are compared with."""
    if types.is_string(kind):
        # The upper bound of a prefix search need not be UTF-8.
        options = pc.CastOptions(target_type=kind, allow_invalid_utf8=True)
        return pc.cast(pa.array(values, pa.binary()), options=options)
    if types.is_decimal(kind):
        return pa.array([_decimal(value, kind) for value in values], kind)
    if types.is_date32(kind) or types.is_time32(kind):
        return pa.array(values, pa.int32()).cast(kind)
    if types.is_time64(kind) or types.is_timestamp(kind):
        return pa.array(values, pa.int64()).cast(kind)
    return pa.array(values, kind)


def _decimal(value: Any, kind: pa.DataType) -> Decimal:
    unscaled = int.from_bytes(value, "little", signed=True)
    return Decimal(unscaled).scaleb(-kind.scale, Context(prec=80))
