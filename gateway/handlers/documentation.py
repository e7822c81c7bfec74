"""`/openapi.json` and `/docs`."""

from gateway.http import responses
from gateway.http.requests import Request
from gateway.http.responses import Response


class Documentation:
    """Serves documents made once, at the start."""

    def __init__(self, openapi: bytes, page: bytes) -> None:
        self._openapi = openapi
        self._page = page

    async def openapi(self, request: Request) -> Response:
        """GET /openapi.json."""
        return responses.json(self._openapi)

    async def page(self, request: Request) -> Response:
        """GET /docs."""
        return Response(200, self._page, (responses.HTML,))
