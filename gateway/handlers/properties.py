"""Single properties of sources and flows, such as `/flows/{flowId}/label`.

The last part of the path is the name of the property in the document, so one handler serves all of them.
"""

from functools import partial

from gateway.clients.documents import Documents
from gateway.codecs import property as codec
from gateway.codecs.decoding import decode_async
from gateway.http import responses
from gateway.http.requests import Request
from gateway.http.responses import Response
from gateway.http.wire.body import BodyReader
from services.shared.errors import NotFound


class Properties:
    """Handlers that read, set and unset a member of a document."""

    def __init__(self, documents: Documents, bodies: BodyReader) -> None:
        self._documents = documents
        self._bodies = bodies

    async def get(self, request: Request, resource_id: str) -> Response:
        """GET: the value of the property, or its default. NotFound PROPERTY_NOT_SET if it has neither."""
        name = request.route.name
        value = codec.member(await self._documents.get(resource_id), name)
        if value is None:
            raise NotFound(f"no {name} is set", reason="PROPERTY_NOT_SET")
        return responses.json(value)

    async def put(self, request: Request, resource_id: str) -> Response:
        """PUT: 204."""
        async with self._bodies.read(request) as body:
            change = await decode_async(partial(codec.set_member, request.route.name), body)
            await self._documents.change(resource_id, [change])
        return responses.no_content()

    async def delete(self, request: Request, resource_id: str) -> Response:
        """DELETE: 204, also if the property was not set."""
        await self._documents.change(resource_id, [codec.unset_member(request.route.name)])
        return responses.no_content()
