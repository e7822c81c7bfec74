"""Handles JSON numbers that typed decoders refuse: integers written as decimals, and numbers out of range.

25.0 and 1e3 are integers in JSON Schema and often result from divisions, but msgspec refuses them as
integers. If it does, the document is decoded again (unless it has too many values), and numbers where the
type requires an integer are corrected. Numbers elsewhere keep their spelling.
"""

import math
import re
from collections.abc import Hashable
from decimal import Decimal
from functools import cache
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec
from msgspec import Raw, inspect

from services.shared.json.sizes import has_more_containers, has_more_values

T = TypeVar("T")

_MIN: Final = -(2**63)
_MAX: Final = 2**63 - 1
_DECIMAL_REFUSED: Final = re.compile(r"Expected `(?:[^`]* )?int(?: [^`]*)?`, got `float`")
_FAULTS: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

# Only a document with such a sequence of characters can have a number that is out of range.
_SUSPECT: Final = re.compile(rb"[0-9]{19}|[0-9][eE]\+?[0-9]{3}")
_WHOLE: Final = re.compile(rb"-?[0-9]+")
_MAX_DIGITS: Final = 20
_MAX_LEVELS: Final = 64
_MAX_NAME: Final = 100
_items: Final = msgspec.json.Decoder(dict[str, Raw] | list[Raw])
# The limits of a document that is decoded again.
_MAX_VALUES: Final = 250_000
_MAX_CONTAINERS: Final = 50_000

# Decimals stay text, because as floats 9007199254740993.0 and 9007199254740992.0 are the same.
_spelled: Final = msgspec.json.Decoder(float_hook=lambda text: Raw(text.encode()))
_NUMBERS: Final = frozenset((inspect.IntType, inspect.FloatType))


class Corrected(NamedTuple, Generic[T]):
    """The value of a document, and the document with its integers written as integers."""

    value: T
    document: bytes


def corrected(
    error: msgspec.ValidationError, decoder: msgspec.json.Decoder[T], document: bytes
) -> Corrected[T] | None:
    """The corrected document if integers written as decimals were its only fault, else None.

    `error` is the error with which the decoder refused the document.
    """
    if _DECIMAL_REFUSED.match(str(error)) is None or _is_large(document):
        return None
    kind: Any = decoder.type
    try:
        with_integers = msgspec.json.encode(_with_integers(_type(kind), _spelled.decode(document)))
        return Corrected(decoder.decode(with_integers), with_integers)
    except _FAULTS:
        return None


def _is_large(document: bytes) -> bool:
    return has_more_containers(document, _MAX_CONTAINERS) or has_more_values(document, _MAX_VALUES)


@cache
def _type(kind: Hashable) -> inspect.Type:
    return inspect.type_info(kind)


def _with_integers(kind: inspect.Type, value: object) -> object:
    """The value with decimals turned into integers where the type allows no other number."""
    kinds = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    if isinstance(value, Raw):
        return _integer(value) if _NUMBERS & set(map(type, kinds)) == {inspect.IntType} else value
    for option in kinds:
        if isinstance(value, list) and isinstance(option, inspect.ListType):
            return [_with_integers(option.item_type, item) for item in value]
        if isinstance(value, dict) and isinstance(option, inspect.DictType):
            return {name: _with_integers(option.value_type, item) for name, item in value.items()}
        if isinstance(value, dict) and isinstance(option, inspect.StructType) and _has_tag(option, value):
            members = {member.encode_name: member.type for member in option.fields}
            return {
                name: _with_integers(members[name], item) if name in members else item
                for name, item in value.items()
            }
    return value


def _has_tag(kind: inspect.StructType, value: dict[str, object]) -> bool:
    return kind.tag_field is None or value.get(kind.tag_field) == kind.tag


def _integer(spelled: Raw) -> int | Raw:
    try:
        number = Decimal(bytes(spelled).decode())
        return int(number) if _MIN <= number <= _MAX and number == int(number) else spelled
    except ArithmeticError:  # the exponent is too large for Decimal
        return spelled


def out_of_range(document: bytes) -> str | None:
    """The JSON path of an integer that exceeds int64, or of a number that exceeds a double.

    None if there is none, if the document is not JSON, and for values below 64 levels.
    """
    if _SUSPECT.search(document) is None:
        return None
    level = [("$", Raw(document))]
    for _ in range(_MAX_LEVELS):
        next_level: list[tuple[str, Raw]] = []
        for path, value in level:
            text = bytes(value).strip()
            if text[:1] in (b"{", b"["):
                next_level += _children(path, text)
            elif text[:1] in b"-0123456789" and _SUSPECT.search(text) and not _fits(text):
                return path
        level = next_level
    return None


def _children(path: str, text: bytes) -> list[tuple[str, Raw]]:
    try:
        items = _items.decode(text)
    except _FAULTS:
        return []
    if isinstance(items, dict):
        return [(f"{path}.{name[:_MAX_NAME]}", value) for name, value in items.items()]
    return [(f"{path}[{index}]", value) for index, value in enumerate(items)]


def _fits(text: bytes) -> bool:
    if _WHOLE.fullmatch(text):
        return len(text) <= _MAX_DIGITS and _MIN <= int(text) <= _MAX
    return math.isfinite(float(text))
