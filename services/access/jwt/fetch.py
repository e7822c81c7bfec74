"""Reads small documents of an issuer over HTTP: no redirects, a time limit, a limit of bytes."""

import asyncio
import ssl
from http.client import HTTPException, HTTPResponse
from time import monotonic
from typing import Final, Protocol
from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from services.shared.errors import StartupError

MAX_BYTES: Final = 512 * 1024
_SECONDS: Final = 5.0
_CHUNK_BYTES: Final = 64 * 1024


class Fetch(Protocol):
    """Reads a document."""

    async def __call__(self, url: str) -> bytes:
        """The body of the response to GET. OSError without a response, ValueError if it is too long."""
        ...


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def http_fetch(ca_file: str) -> Fetch:
    """A reader that trusts the authorities of a file, or of the system. StartupError for a bad file."""
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:
        raise StartupError(f"TAMS_AUTH_CA_FILE: cannot use {ca_file}: {error.strerror}") from None
    opener = build_opener(_NoRedirects, HTTPSHandler(context=context), ProxyHandler())

    def read(url: str) -> bytes:
        request = Request(url, headers={"Accept": "application/json"})  # noqa: S310 - the operator chose it
        try:
            with opener.open(request, timeout=_SECONDS) as response:
                return _body(response, url)
        except HTTPException as error:
            raise OSError(f"{url} does not answer as HTTP does: {error!r:.100}") from None

    async def fetch(url: str) -> bytes:
        return await asyncio.to_thread(read, url)

    return fetch


def _body(response: HTTPResponse, url: str) -> bytes:
    """The body. The time limit of a socket starts again with each byte, so the whole has one too."""
    deadline = monotonic() + _SECONDS
    body = b""
    while chunk := response.read1(_CHUNK_BYTES):
        body += chunk
        if len(body) > MAX_BYTES:
            raise ValueError(f"{url} has more than {MAX_BYTES} bytes")
        if monotonic() > deadline:
            raise TimeoutError(f"{url} takes longer than {_SECONDS} s")
    return body
