"""Decoding of documents with the path of the fault."""

import re
from typing import Final, TypeVar

import msgspec

from services.shared.errors import InvalidArgument

T = TypeVar("T")

# msgspec ends its messages with the place: "Expected `int`, got `str` - at `$.generation`".
_PLACE: Final = re.compile(r"(.*) - at `(?:key in )?(\$.*)`", re.DOTALL)
ENCODE: Final = msgspec.json.Encoder().encode


def decode(decoder: msgspec.json.Decoder[T], document: bytes, reason: str) -> T:
    """The value in a document; InvalidArgument with metadata "path" where it is wrong."""
    try:
        return decoder.decode(document)
    except msgspec.ValidationError as error:
        match = _PLACE.fullmatch(str(error))
        what, path = match.groups() if match else (str(error), "$")
        raise refuse(what, path, reason) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise refuse(f"not JSON: {error}", "$", reason) from None


def refuse(what: str, path: str, reason: str = "BAD_FLOW") -> InvalidArgument:
    """The error for a fault at a JSON path."""
    return InvalidArgument(f"{path}: {what}", reason=reason, path=path)
