"""JSON to typed values and back."""

from typing import Any, TypeVar

import msgspec
from mediatimestamp import TimeRange, Timestamp

from client.api.errors import BadAnswer
from client.api.models import Document

T = TypeVar("T")


def decode(body: bytes, wanted: type[T]) -> T:
    """The value in a JSON body; BadAnswer where it is not one."""
    try:
        return msgspec.json.decode(body, type=wanted, dec_hook=_parsed)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadAnswer(f"the server's answer is not valid: {error}") from None


def keeping(document: Document, wanted: type[T]) -> T:
    """The typed view of a document, which it keeps whole in its `document` field."""
    try:
        return msgspec.convert({**document, "document": document}, wanted, dec_hook=_parsed)
    except msgspec.ValidationError as error:
        raise BadAnswer(f"the server's answer is not valid: {error}") from None


def encode(value: object) -> bytes:
    """The value as JSON."""
    return msgspec.json.encode(value, enc_hook=str)


def builtins(value: object) -> Any:
    """The value as dicts, lists and strings, as its JSON would read."""
    return msgspec.to_builtins(value, enc_hook=str)


def _parsed(wanted: type, value: object) -> object:
    if wanted is TimeRange:
        return TimeRange.from_str(str(value))
    if wanted is Timestamp:
        return Timestamp.from_str(str(value))
    raise TypeError(f"no text form: {wanted}")
