"""Decodes JSON documents into typed values; errors have the JSON path of the fault."""

import re
from typing import Final, TypeVar

import msgspec

from services.shared.errors import InvalidArgument
from services.shared.json import numbers as json_numbers
from services.shared.json.numbers import Corrected

T = TypeVar("T")

# Messages of msgspec end with a JSON path: "Expected `int`, got `str` - at `$.generation`".
_MESSAGE: Final = re.compile(r"(.*) - at `(?:key in )?(\$.*)`", re.DOTALL)
# Messages quote the value, which may be as long as the document.
_MAX_TEXT: Final = 500


def read(
    decoder: msgspec.json.Decoder[T], document: bytes, reason: str, syntax_reason: str | None = None
) -> Corrected[T]:
    """The value of a document, and the document to store, in which integers are written as integers.

    InvalidArgument `reason` with metadata "path" if the value does not fit the type of the decoder.
    InvalidArgument `syntax_reason`, by default the same reason, if the document is not JSON.
    """
    try:
        return Corrected(decoder.decode(document), document)
    except msgspec.ValidationError as error:
        if (corrected := json_numbers.corrected(error, decoder, document)) is not None:
            return corrected
        raise refuse(*_message_and_path(error), reason) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        syntax = str(error).removeprefix("JSON is malformed: ")
        raise refuse(f"not JSON: {syntax}", "$", syntax_reason or reason) from None
    except RecursionError:
        raise refuse("nested too deeply", "$", syntax_reason or reason) from None


def refuse(problem: str, path: str, reason: str) -> InvalidArgument:
    """The error for a problem at a JSON path. Its text begins with the path, unless the path is "$"."""
    return InvalidArgument(problem if path == "$" else f"{path}: {problem}", reason=reason, path=path)


def _message_and_path(error: msgspec.ValidationError) -> tuple[str, str]:
    match = _MESSAGE.fullmatch(str(error))
    message, path = match.groups() if match else (str(error), "$")
    return message[:_MAX_TEXT], path
