"""Tags of sources and flows: one at a time in TAMS, several at once under /x/."""

from typing import Final

from gateway.clients.documents import Documents
from gateway.codecs import property as codec
from gateway.http import responses
from gateway.http.body import BodyReader
from gateway.http.requests import Request
from gateway.http.responses import Response
from services.shared.errors import NotFound

_REPLACEMENT: Final = "\ufffd"


class Tags:
    """Reads, sets and unsets tags."""

    def __init__(self, documents: Documents, bodies: BodyReader) -> None:
        self._documents = documents
        self._bodies = bodies

    async def get(self, request: Request, resource_id: str, name: str) -> Response:
        """GET /flows/{flowId}/tags/{name}."""
        value = codec.tag(await self._documents.get(resource_id), name)
        if value is None:
            raise NotFound(f"no tag {name[:100]!r}", reason="TAG_NOT_FOUND")
        return responses.json(value)

    async def put(self, request: Request, resource_id: str, name: str) -> Response:
        """PUT /flows/{flowId}/tags/{name}: 204."""
        async with self._bodies.read(request) as body:
            change = codec.set_tag(_named(name), body)
            await self._documents.change(resource_id, [change])
        return responses.no_content()

    async def delete(self, request: Request, resource_id: str, name: str) -> Response:
        """DELETE /flows/{flowId}/tags/{name}: 204, or 404 when it was not set."""
        await self._documents.change(resource_id, [codec.unset_tag(_named(name))])
        return responses.no_content()

    async def put_all(self, request: Request, resource_id: str) -> Response:
        """PUT /x/flows/{flowId}/tags: these tags and no others."""
        async with self._bodies.read(request) as body:
            await self._documents.change(resource_id, [codec.replace_tags(body)])
        return responses.no_content()

    async def post(self, request: Request, resource_id: str) -> Response:
        """POST /x/flows/{flowId}/tags: these tags, besides those that are there."""
        async with self._bodies.read(request) as body:
            await self._documents.change(resource_id, codec.set_tags(body))
        return responses.no_content()

    async def delete_all(self, request: Request, resource_id: str) -> Response:
        """DELETE /x/flows/{flowId}/tags."""
        await self._documents.change(resource_id, [codec.unset_member("tags")])
        return responses.no_content()


def _named(name: str) -> str:
    """The name; NotFound for one that this path cannot mean: empty, or no UTF-8 once decoded.

    The server puts U+FFFD for bytes that are no UTF-8, so that two such names would be one.
    """
    if not name or _REPLACEMENT in name:
        raise NotFound("a tag's name in the path must be UTF-8 and not empty", reason="TAG_NOT_FOUND")
    return name
