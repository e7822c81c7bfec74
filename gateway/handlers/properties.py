"""Single properties of sources and flows: `/flows/{flowId}/label` and the like.

The last word of the path is the property's name in the document, so one handler serves them all.
"""

from gateway.clients.documents import Documents
from gateway.codecs import property as codec
from gateway.http import responses
from gateway.http.body import BodyReader
from gateway.http.requests import Request
from gateway.http.responses import Response
from services.shared.errors import NotFound


class Properties:
    """Reads, sets and unsets members of documents."""

    def __init__(self, documents: Documents, bodies: BodyReader) -> None:
        self._documents = documents
        self._bodies = bodies

    async def get(self, request: Request, resource_id: str) -> Response:
        """GET: the value, 404 for one that is not set and has no value of its own then."""
        name = request.route.name
        value = codec.member(await self._documents.get(resource_id), name)
        if value is None:
            raise NotFound(f"no {name} is set", reason="PROPERTY_NOT_SET")
        return responses.json(value)

    async def put(self, request: Request, resource_id: str) -> Response:
        """PUT: 204."""
        async with self._bodies.read(request) as body:
            await self._documents.change(resource_id, [codec.set_member(request.route.name, body)])
        return responses.no_content()

    async def delete(self, request: Request, resource_id: str) -> Response:
        """DELETE: 204, also when it was not set."""
        await self._documents.change(resource_id, [codec.unset_member(request.route.name)])
        return responses.no_content()
