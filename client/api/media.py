"""Transfer of media bytes between the client and object storage, without credentials of the API."""

from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final, Unpack

import httpx

from client.api.connection import Options, open_http, refuse_redirect, send, unreachable
from client.api.errors import (
    BadAnswer,
    Busy,
    InvalidRequest,
    ObjectExists,
    Rejected,
    ServerFault,
    Unreachable,
    rejection,
    storage_refusal,
)
from client.api.files import FilePiece
from client.api.models import HttpRequest
from client.api.retrying import with_retries
from client.api.target import Target

CHUNK_BYTES: Final = 256 * 1024


class Media:
    """Uploads to and downloads from presigned or public URLs."""

    def __init__(self, target: Target, attempts: int) -> None:
        self._attempts = attempts
        self._http = open_http(target)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def upload(
        self, target: HttpRequest, content: bytes | AsyncIterable[bytes], length: int | None = None
    ) -> None:
        """PUT the bytes; a stream needs its `length` in bytes and is sent only once, unless it is of a file.

        ObjectExists if another call or another client has stored the object.
        """
        headers = target.all_headers()
        if isinstance(content, FilePiece):
            length = content.length
        if length is not None:
            headers["Content-Length"] = str(length)

        put = _Put(self._http, target.url, content=content, headers=headers)
        attempts = self._attempts if isinstance(content, (bytes, FilePiece)) else 1
        try:
            await with_retries(put.attempt, repeatable=True, attempts=attempts)
        except ObjectExists:
            raise
        except Rejected as error:
            raise storage_refusal(error, "an upload") from None

    async def upload_part(self, url: str, content: bytes | FilePiece) -> str:
        """PUT a part of an object to its signed URL; returns the ETag that completes the upload."""
        length = content.length if isinstance(content, FilePiece) else len(content)

        async def attempt() -> httpx.Response:
            try:
                return await send(
                    self._http, "PUT", url, content=content, headers={"Content-Length": str(length)}
                )
            except ServerFault as error:
                # A part that is sent again replaces the former one, so this is worth another attempt.
                raise Busy(error.status, error.kind, error.summary) from None

        try:
            answer = await with_retries(attempt, repeatable=True, attempts=self._attempts)
        except Rejected as error:
            raise storage_refusal(error, "a part of an upload") from None
        if not answer.headers.get("ETag"):
            raise BadAnswer("object storage gave no ETag for a part")
        return answer.headers["ETag"]

    async def download(self, url: str) -> bytes:
        """All bytes of an object; they are held in memory."""

        async def attempt() -> httpx.Response:
            return await send(self._http, "GET", url)

        try:
            return (await with_retries(attempt, repeatable=True, attempts=self._attempts)).content
        except Rejected as error:
            raise storage_refusal(error, "a download") from None

    @asynccontextmanager
    async def stream(self, url: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes of an object, in chunks as they arrive."""
        try:
            async with self._http.stream("GET", url) as response:
                if response.is_error:
                    await response.aread()
                    raise storage_refusal(rejection(response), "a download")
                refuse_redirect(url, response)
                yield response.aiter_bytes(CHUNK_BYTES)
        except httpx.InvalidURL as error:
            raise BadAnswer(f"the server gave an invalid URL: {error}") from None
        except httpx.RequestError as error:
            raise unreachable(url, error) from error


class _Put:
    """One upload, attempted until the object is known to be stored."""

    def __init__(self, http: httpx.AsyncClient, url: str, **options: Unpack[Options]) -> None:
        self._http = http
        self._url = url
        self._options = options
        self._answer_lost = False

    async def attempt(self) -> httpx.Response | None:
        """Send the object; None if an earlier attempt stored it and its answer was lost."""
        try:
            return await send(self._http, "PUT", self._url, **self._options)
        except Unreachable as error:
            self._answer_lost |= error.sent
            raise
        except InvalidRequest as error:
            if error.status == HTTPStatus.PRECONDITION_FAILED:
                # Objects are stored whole or not at all, so the stored object is the one that was sent.
                if self._answer_lost:
                    return None
                raise ObjectExists from None
            if error.status == HTTPStatus.CONFLICT:
                # Two attempts ran at the same time; the next attempt finds the object stored.
                raise Busy(error.status, error.kind, error.summary) from None
            raise
