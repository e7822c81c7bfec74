"""Request bodies, bounded in size, time and all together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from granian._granian import RSGIProtocolClosed, RSGIProtocolError

from gateway.errors import BodyIncomplete, BodyTimeout, BodyTooLarge, UnsupportedMediaType
from gateway.http.requests import Request
from services.shared.errors import Unavailable

_JSON: Final = "application/json"

# Bodies up to here are bounded by the number of connections; larger ones are counted as they arrive.
SMALL_BYTES: Final = 256 * 1024
# So many bodies of the largest size may be held at once.
LARGE_AT_ONCE: Final = 16


class BodyReader:
    """Reads the JSON bodies of requests."""

    def __init__(self, max_bytes: int, seconds: float) -> None:
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._held_bytes = 0

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytes]:
        """The whole body, which counts until the block ends.

        BodyTooLarge, BodyTimeout, BodyIncomplete, UnsupportedMediaType; Unavailable while too much is
        held. No content type at all passes: the body then speaks for itself. Encodings such as gzip do not.
        """
        _refuse_other_types(request)
        try:
            yield await self._in_time(request)
        finally:
            self._held_bytes -= request.held_bytes

    async def _in_time(self, request: Request) -> bytes:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._bounded(request)
        except (RSGIProtocolClosed, RSGIProtocolError):
            raise BodyIncomplete("the connection ended before the body did") from None
        except TimeoutError:
            raise BodyTimeout(f"the body did not arrive within {self._seconds:g} s") from None

    async def _bounded(self, request: Request) -> bytes:
        length = request.headers.get("content-length")
        if length is None or not length.isdecimal():
            return await self._counted(request)
        if int(length) > self._max_bytes:
            raise self._too_large()
        if int(length) > SMALL_BYTES:
            return await self._counted(request)
        # The server reads no more than the length says.
        body: bytes = await request.protocol()
        return body

    async def _counted(self, request: Request) -> bytes:
        chunks, empty = [], 0
        async for chunk in request.protocol:
            chunks.append(chunk)
            empty += not chunk
            request.held_bytes += len(chunk)
            self._held_bytes += len(chunk)
            if request.held_bytes > self._max_bytes:
                raise self._too_large()
            if self._held_bytes > LARGE_AT_ONCE * self._max_bytes:
                raise Unavailable("too many large bodies at once", reason="OVERLOADED")
        # The server ends every body with an empty chunk; of a fault it tells by one more, as of trailers.
        if empty > 1:
            raise BodyIncomplete("the body breaks off, is not chunked as HTTP says, or has trailers")
        return b"".join(chunks)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"the body is longer than {self._max_bytes} bytes")


def _refuse_other_types(request: Request) -> None:
    content_type = request.headers.get("content-type")
    if content_type is not None and content_type.partition(";")[0].strip().lower() != _JSON:
        raise UnsupportedMediaType(f"the body must be {_JSON}, but it is {content_type[:100]!r}")
    encoding = request.headers.get("content-encoding")
    if encoding is not None and encoding.strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType(f"the body must not be encoded, but it is {encoding[:100]!r}")
