"""`/openapi.json`, and the page at `/docs` that displays it."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from gateway.errors import UnknownPath
from gateway.http import files, responses
from gateway.http.requests import Request
from gateway.http.responses import Header, Response

# The page may only run its own scripts and only call its own host. Its icons are in the style sheet.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE_HEADERS: Final[tuple[Header, ...]] = (
    ("content-security-policy", _POLICY),
    ("referrer-policy", "no-referrer"),
)


class Documentation:
    """Handlers of the OpenAPI document and of the page with its `files`, which are listed by name."""

    def __init__(
        self, make_document: Callable[[], bytes], page: Path, page_files: Mapping[str, Path]
    ) -> None:
        self._make_document = make_document
        self._document = b""
        self._making = asyncio.Lock()
        self._page = page
        self._page_files = page_files

    async def openapi(self, request: Request) -> Response:
        """GET /openapi.json."""
        # Made for the first request, because it takes a tenth of a second that would delay the start.
        async with self._making:
            self._document = self._document or await asyncio.to_thread(self._make_document)
        return Response(200, self._document, (responses.JSON,), must_send=True)

    async def page(self, request: Request) -> Response:
        """GET /docs."""
        return await files.response(request, self._page, _PAGE_HEADERS)

    async def file(self, request: Request, name: str) -> Response:
        """GET /docs/{file}. UnknownPath if the page has no such file."""
        if name not in self._page_files:
            raise UnknownPath("the page of the documentation has no such file")
        return await files.response(request, self._page_files[name])
