"""Whole numbers written as decimals: 25.0 and 1e3 are integers to JSON Schema, and come out of divisions."""

import re
from typing import Any, Final

import msgspec

# Cheap to look for; what it finds may as well stand in a text.
_CANDIDATE: Final = re.compile(rb"[0-9](?:\.0+(?![0-9])|[eE])")
# Beyond, a decimal does not name one integer any more.
_MOST: Final = 2**53


def whole(document: bytes) -> bytes:
    """The document with such numbers as integers; what is no JSON stays as it is."""
    if not _CANDIDATE.search(document):
        return document
    try:
        return msgspec.json.encode(_whole(msgspec.json.decode(document)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return document


def wanted(error: msgspec.ValidationError) -> bool:
    """Whether an integer was expected and a decimal found."""
    return "Expected `int`" in str(error) and "got `float`" in str(error)


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _whole(one) for name, one in value.items()}
    if isinstance(value, list):
        return list(map(_whole, value))
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) <= _MOST else value
