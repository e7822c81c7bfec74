"""Decodes JSON bodies into typed values; errors have the JSON path of the fault."""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from services.shared.errors import InvalidArgument
from services.shared.json import reading as json_reading
from services.shared.json.sizes import has_more_containers

T = TypeVar("T")

# Longer bodies are decoded in a thread.
SHORT_BYTES: Final = 64 * 1024


async def decode_async(decode: Callable[[bytes], T], body: bytes) -> T:
    """`decode(body)`, in a thread if the body is long, so that it does not block the event loop."""
    return decode(body) if len(body) <= SHORT_BYTES else await asyncio.to_thread(decode, body)


def check_containers(body: bytes, max_containers: int) -> None:
    """InvalidArgument BAD_BODY if the text has more lists and objects; nothing is decoded."""
    if has_more_containers(body, max_containers):
        raise InvalidArgument(
            f"the body has more than {max_containers} lists and objects", reason="BAD_BODY", path="$"
        )


def decode(decoder: msgspec.json.Decoder[T], body: bytes, max_containers: int | None = None) -> T:
    """The typed value of a body. InvalidArgument BAD_JSON or BAD_BODY, with metadata "path".

    `max_containers` limits lists and objects before decoding, for types that allow any number of them.
    """
    if max_containers is not None:
        check_containers(body, max_containers)
    return json_reading.read(decoder, body, "BAD_BODY", "BAD_JSON").value
