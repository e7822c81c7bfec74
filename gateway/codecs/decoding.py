"""JSON bodies to typed values, with the JSON path of a fault."""

from typing import TypeVar

import msgspec

from services.shared.errors import InvalidArgument

T = TypeVar("T")


def decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """The typed value of a body. InvalidArgument BAD_JSON, or BAD_BODY with metadata "path"."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        summary, _, path = str(error).partition(" - at `")
        raise InvalidArgument(summary, reason="BAD_BODY", path=path.rstrip("`") or "$") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidArgument(f"the body is not JSON: {error}", reason="BAD_JSON") from None
    except RecursionError:
        raise InvalidArgument("the body is nested too deeply", reason="BAD_JSON") from None
