"""Media bytes, straight between the client and object storage: no credentials of the API go along."""

from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import httpx

from client.api.connection import open_http, send, unreachable
from client.api.errors import BadAnswer, rejection
from client.api.models import HttpRequest
from client.api.retrying import patiently

CHUNK_BYTES: Final = 256 * 1024


class Media:
    """Uploads to and downloads from presigned or public URLs."""

    def __init__(self, attempts: int) -> None:
        self._attempts = attempts
        self._http = open_http()

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def upload(
        self, target: HttpRequest, content: bytes | AsyncIterable[bytes], length: int | None = None
    ) -> None:
        """PUT the bytes; object storage wants the `length` of a stream. A stream is sent only once."""
        headers = dict(target.headers)
        if target.content_type is not None:
            headers["Content-Type"] = target.content_type
        if length is not None:
            headers["Content-Length"] = str(length)

        async def once() -> httpx.Response:
            return await send(self._http, "PUT", target.url, content=content, headers=headers)

        attempts = self._attempts if isinstance(content, bytes) else 1
        await patiently(once, repeatable=True, attempts=attempts)

    async def download(self, url: str) -> bytes:
        """All bytes of an object; they are held in memory."""

        async def once() -> httpx.Response:
            return await send(self._http, "GET", url)

        return (await patiently(once, repeatable=True, attempts=self._attempts)).content

    @asynccontextmanager
    async def stream(self, url: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes of an object, chunk by chunk as they come."""
        try:
            async with self._http.stream("GET", url) as response:
                if response.is_error:
                    await response.aread()
                    raise rejection(response)
                yield response.aiter_bytes(CHUNK_BYTES)
        except httpx.InvalidURL as error:
            raise BadAnswer(f"the server gave a URL that is none: {error}") from None
        except httpx.RequestError as error:
            raise unreachable(url, error) from error
