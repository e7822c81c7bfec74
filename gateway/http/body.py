"""Request bodies, bounded in size and time."""

import asyncio
from typing import Final

from granian._granian import RSGIProtocolClosed, RSGIProtocolError

from gateway.errors import BodyIncomplete, BodyTimeout, BodyTooLarge, UnsupportedMediaType
from gateway.http.requests import Request

_JSON: Final = "application/json"


class BodyReader:
    """Reads the JSON bodies of requests."""

    def __init__(self, max_bytes: int, seconds: float) -> None:
        self._max_bytes = max_bytes
        self._seconds = seconds

    async def read(self, request: Request) -> bytes:
        """The whole body. BodyTooLarge, BodyTimeout, BodyIncomplete; or UnsupportedMediaType.

        No content type at all passes: the body then speaks for itself.
        """
        content_type = request.headers.get("content-type")
        if content_type is not None and content_type.partition(";")[0].strip().lower() != _JSON:
            raise UnsupportedMediaType(f"the body must be {_JSON}")
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
            return await self._chunked(request)
        # The server reads no more than it says.
        if int(length) > self._max_bytes:
            raise self._too_large()
        body: bytes = await request.protocol()
        return body

    async def _chunked(self, request: Request) -> bytes:
        body = bytearray()
        async for chunk in request.protocol:
            body += chunk
            if len(body) > self._max_bytes:
                raise self._too_large()
        return bytes(body)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"the body is longer than {self._max_bytes} bytes")
