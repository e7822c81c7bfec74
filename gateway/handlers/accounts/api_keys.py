"""`/x/api-keys`: administration of API keys."""

from http import HTTPStatus
from typing import Final

from tams.access.v1 import api_key_service_pb2

from gateway.clients.services import Services
from gateway.codecs.accounts import api_key as codec
from gateway.handlers.administration.gate import Gate
from gateway.http import responses
from gateway.http.paging import Paging
from gateway.http.requests import Request
from gateway.http.responses import Header, Response
from gateway.http.wire.body import BodyReader
from services.shared.rpc.client import call

# No cache may keep the text of a key.
_NOT_STORED: Final[Header] = ("cache-control", "no-store")


class ApiKeys:
    """Handlers that list, create, change and remove API keys.

    `gate` is None for a store with access control, where the scope of the routes protects them.
    """

    def __init__(self, services: Services, bodies: BodyReader, paging: Paging, gate: Gate | None) -> None:
        self._keys = services.api_keys
        self._bodies = bodies
        self._paging = paging
        self._gate = gate

    async def list(self, request: Request) -> Response:
        """GET /x/api-keys."""
        self._check(request)
        query = request.query()
        asked = api_key_service_pb2.ListApiKeysRequest(page_size=query.limit(), page_token=query.page())
        page = await call(self._keys.ListApiKeys, asked)
        headers = self._paging.headers(request, query, limit=page.page_size, next_token=page.next_page_token)
        return responses.json(codec.listing(page.keys), headers)

    async def post(self, request: Request) -> Response:
        """POST /x/api-keys."""
        self._check(request)
        async with self._bodies.read(request) as body:
            new = await call(self._keys.CreateApiKey, codec.create_request(body))
        return responses.json(codec.new_document(new), (_NOT_STORED,), HTTPStatus.CREATED)

    async def get(self, request: Request, key_id: str) -> Response:
        """GET /x/api-keys/{keyId}."""
        self._check(request)
        message = api_key_service_pb2.GetApiKeyRequest(id=key_id)
        return responses.json(codec.document(await call(self._keys.GetApiKey, message)))

    async def put(self, request: Request, key_id: str) -> Response:
        """PUT /x/api-keys/{keyId}: suspend, activate or rotate a key."""
        self._check(request)
        async with self._bodies.read(request) as body:
            message = codec.change_request(key_id, body)
            if isinstance(message, api_key_service_pb2.SuspendApiKeyRequest):
                key = await call(self._keys.SuspendApiKey, message)
                return responses.json(codec.document(key))
            new = await call(self._keys.RotateApiKey, message)
        return responses.json(codec.new_document(new), (_NOT_STORED,))

    async def delete(self, request: Request, key_id: str) -> Response:
        """DELETE /x/api-keys/{keyId}."""
        self._check(request)
        await call(self._keys.DeleteApiKey, api_key_service_pb2.DeleteApiKeyRequest(id=key_id))
        return responses.no_content()

    def _check(self, request: Request) -> None:
        if self._gate is not None:
            self._gate.check(request)
