"""Tags of sources and flows: single tags as in TAMS, several at once as an extension under /x/."""

from typing import Final

from gateway.clients.documents import Documents
from gateway.codecs import property as codec
from gateway.codecs.decoding import decode_async
from gateway.http import responses
from gateway.http.requests import Request
from gateway.http.responses import Response
from gateway.http.wire.body import BodyReader
from services.shared.errors import NotFound

_REPLACEMENT: Final = "\ufffd"


class Tags:
    """Handlers that read, set and unset tags."""

    def __init__(self, documents: Documents, bodies: BodyReader) -> None:
        self._documents = documents
        self._bodies = bodies

    async def get(self, request: Request, resource_id: str, name: str) -> Response:
        """GET /flows/{flowId}/tags/{name}. NotFound TAG_NOT_FOUND if the tag is not set."""
        value = codec.tag(await self._documents.get(resource_id), name)
        if value is None:
            raise NotFound(f"no tag {name[:100]!r}", reason="TAG_NOT_FOUND")
        return responses.json(value)

    async def put(self, request: Request, resource_id: str, name: str) -> Response:
        """PUT /flows/{flowId}/tags/{name}: 204."""
        async with self._bodies.read(request) as body:
            change = codec.set_tag(_checked(name), body)
            await self._documents.change(resource_id, [change])
        return responses.no_content()

    async def delete(self, request: Request, resource_id: str, name: str) -> Response:
        """DELETE /flows/{flowId}/tags/{name}: 204, or 404 if the tag was not set."""
        await self._documents.change(resource_id, [codec.unset_tag(_checked(name))])
        return responses.no_content()

    async def put_all(self, request: Request, resource_id: str) -> Response:
        """PUT /x/flows/{flowId}/tags: replace all tags."""
        async with self._bodies.read(request) as body:
            await self._documents.change(resource_id, [await decode_async(codec.replace_tags, body)])
        return responses.no_content()

    async def post(self, request: Request, resource_id: str) -> Response:
        """POST /x/flows/{flowId}/tags: set these tags and keep the others."""
        async with self._bodies.read(request) as body:
            await self._documents.change(resource_id, await decode_async(codec.set_tags, body))
        return responses.no_content()

    async def delete_all(self, request: Request, resource_id: str) -> Response:
        """DELETE /x/flows/{flowId}/tags: unset all tags."""
        await self._documents.change(resource_id, [codec.unset_member("tags")])
        return responses.no_content()


def _checked(name: str) -> str:
    """The name. NotFound if it is empty or not UTF-8.

    The server replaces bytes that are not UTF-8 by U+FFFD, so different names would become the same.
    """
    if not name or _REPLACEMENT in name:
        raise NotFound("the name of a tag in the path must be UTF-8 and not empty", reason="TAG_NOT_FOUND")
    return name
