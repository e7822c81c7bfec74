"""Whole numbers written as decimals: 25.0 and 1e3 are integers to JSON Schema, and come out of divisions.

msgspec refuses them as integers. Only then is the document read again, and each that stands where an
integer belongs is corrected, wherever its type says so; what belongs to no integer keeps its spelling.
"""

import re
from decimal import Decimal
from functools import cache
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec
from msgspec import Raw, inspect

T = TypeVar("T")

_LEAST: Final = -(2**63)
_MOST: Final = 2**63 - 1
_MET: Final = re.compile(r"Expected `(?:[^`]* )?int(?: [^`]*)?`, got `float`")
_FAULTS: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

# Decimals keep their text: a float could not tell 9007199254740993.0 from its neighbour.
_spelled: Final = msgspec.json.Decoder(float_hook=lambda text: Raw(text.encode()))
_NUMBERS: Final = frozenset((inspect.IntType, inspect.FloatType))


class Corrected(NamedTuple, Generic[T]):
    """What a document means, and the document with its integers as such."""

    value: T
    document: bytes


def corrected(
    error: msgspec.ValidationError, decoder: msgspec.json.Decoder[T], document: bytes
) -> Corrected[T] | None:
    """The document that was refused with this error, when whole decimals were all that was wrong."""
    if _MET.match(str(error)) is None:
        return None
    kind: Any = decoder.type
    try:
        again = msgspec.json.encode(_whole(_type(kind), _spelled.decode(document)))
        return Corrected(decoder.decode(again), again)
    except _FAULTS:
        return None


@cache
def _type(kind: Any) -> inspect.Type:
    return inspect.type_info(kind)


def _whole(kind: inspect.Type, value: Any) -> Any:
    """The value with its decimals as integers where the type has nothing else for them."""
    kinds = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    if isinstance(value, Raw):
        return _integer(value) if _NUMBERS & set(map(type, kinds)) == {inspect.IntType} else value
    for one in kinds:
        if isinstance(value, list) and isinstance(one, inspect.ListType):
            return [_whole(one.item_type, item) for item in value]
        if isinstance(value, dict) and isinstance(one, inspect.DictType):
            return {name: _whole(one.value_type, item) for name, item in value.items()}
        if isinstance(value, dict) and isinstance(one, inspect.StructType) and _tagged(one, value):
            members = {member.encode_name: member.type for member in one.fields}
            return {
                name: _whole(members[name], item) if name in members else item for name, item in value.items()
            }
    return value


def _tagged(kind: inspect.StructType, value: dict[str, Any]) -> bool:
    return kind.tag_field is None or value.get(kind.tag_field) == kind.tag


def _integer(spelled: Raw) -> int | Raw:
    try:
        number = Decimal(bytes(spelled).decode())
        return int(number) if _LEAST <= number <= _MOST and number == int(number) else spelled
    except ArithmeticError:  # an exponent beyond what Decimal has
        return spelled
