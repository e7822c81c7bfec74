"""JSON bodies to typed values, with the JSON path of a fault."""

from typing import TypeVar

import msgspec

from services.shared import json_faults, json_numbers
from services.shared.errors import InvalidArgument

T = TypeVar("T")


def decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """The typed value of a body. InvalidArgument BAD_JSON, or BAD_BODY with metadata "path"."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        if (again := json_numbers.corrected(error, decoder, body)) is not None:
            return again.value
        what, path = json_faults.invalid(error, decoder.type, body)
        summary = what if path == "$" else f"{path}: {what}"
        raise InvalidArgument(summary, reason="BAD_BODY", path=path) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        what = json_faults.malformed(error, body)
        raise InvalidArgument(f"the body is not JSON: {what}", reason="BAD_JSON") from None
    except RecursionError:
        raise InvalidArgument("the body is nested too deeply", reason="BAD_JSON") from None
