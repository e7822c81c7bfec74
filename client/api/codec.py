"""JSON to typed values and back."""

from typing import Any, TypeVar

import msgspec
from mediatimestamp import TimeRange, Timestamp

from client.api.errors import BadAnswer
from client.api.models import Document

T = TypeVar("T")


def decode(body: bytes, value_type: type[T]) -> T:
    """The value in a JSON body; BadAnswer if it does not fit the type."""
    try:
        return msgspec.json.decode(body, type=value_type, dec_hook=_parsed)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadAnswer(f"the server's answer is not valid: {error}") from None


def with_document(document: Document, value_type: type[T]) -> T:
    """The typed view of a document, with the whole document in its `document` field."""
    try:
        return msgspec.convert({**document, "document": document}, value_type, dec_hook=_parsed)
    except msgspec.ValidationError as error:
        raise BadAnswer(f"the server's answer is not valid: {error}") from None


def encode(value: object) -> bytes:
    """The value as JSON."""
    return msgspec.json.encode(value, enc_hook=str)


def builtins(value: object) -> Any:
    """The value as dicts, lists and strings, as its JSON would read."""
    return msgspec.to_builtins(value, enc_hook=str)


def _parsed(value_type: type, value: object) -> object:
    if value_type is TimeRange:
        return TimeRange.from_str(str(value))
    if value_type is Timestamp:
        return Timestamp.from_str(str(value))
    raise TypeError(f"a {value_type} has no text form")
