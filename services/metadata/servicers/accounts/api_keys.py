"""ApiKeyService."""

from functools import partial

from tams.access.v1 import api_key_service_pb2, api_key_service_pb2_grpc

from services.metadata.application.accounts.api_keys import ApiKeys, NewKey
from services.metadata.domain.accounts.api_key import ApiKey
from services.metadata.servicers.accounts.classes import words_of_request
from services.metadata.servicers.accounts.scopes import numbers_of, scopes_of
from services.metadata.servicers.convert import optional
from services.shared.rpc.classes import message_of
from services.shared.rpc.interceptors import Context
from services.shared.rpc.server import Registration


class ApiKeyServicer(api_key_service_pb2_grpc.ApiKeyServiceServicer):
    """Translates between messages and ApiKeys."""

    def __init__(self, keys: ApiKeys) -> None:
        self._keys = keys

    async def ListApiKeys(
        self, request: api_key_service_pb2.ListApiKeysRequest, context: Context
    ) -> api_key_service_pb2.ListApiKeysResponse:
        """Return a page of keys."""
        page = await self._keys.page(request.page_size, request.page_token)
        return api_key_service_pb2.ListApiKeysResponse(
            keys=map(_message, page.items), next_page_token=page.next_token, page_size=page.size
        )

    async def GetApiKey(
        self, request: api_key_service_pb2.GetApiKeyRequest, context: Context
    ) -> api_key_service_pb2.ApiKey:
        """Return a key."""
        return _message(await self._keys.get(request.id))

    async def CreateApiKey(
        self, request: api_key_service_pb2.CreateApiKeyRequest, context: Context
    ) -> api_key_service_pb2.NewApiKey:
        """Create a key."""
        scopes, classes = scopes_of(request.scopes), words_of_request(request)
        expires_ms = optional(request, "expires_ms")
        return _new(await self._keys.create(request.name, scopes, expires_ms, classes))

    async def SuspendApiKey(
        self, request: api_key_service_pb2.SuspendApiKeyRequest, context: Context
    ) -> api_key_service_pb2.ApiKey:
        """Suspend a key, or activate it again."""
        return _message(await self._keys.suspend(request.id, suspended=request.suspended))

    async def RotateApiKey(
        self, request: api_key_service_pb2.RotateApiKeyRequest, context: Context
    ) -> api_key_service_pb2.NewApiKey:
        """Give a key a new secret."""
        return _new(await self._keys.rotate(request.id))

    async def DeleteApiKey(
        self, request: api_key_service_pb2.DeleteApiKeyRequest, context: Context
    ) -> api_key_service_pb2.DeleteApiKeyResponse:
        """Remove a key."""
        await self._keys.delete(request.id)
        return api_key_service_pb2.DeleteApiKeyResponse()


def registration(keys: ApiKeys) -> Registration:
    """The ApiKeyService for a server."""
    add = api_key_service_pb2_grpc.add_ApiKeyServiceServicer_to_server
    return (
        api_key_service_pb2.DESCRIPTOR.services_by_name["ApiKeyService"],
        partial(add, ApiKeyServicer(keys)),
    )


def _new(new: NewKey) -> api_key_service_pb2.NewApiKey:
    return api_key_service_pb2.NewApiKey(key=_message(new.key), text=new.text)


def _message(key: ApiKey) -> api_key_service_pb2.ApiKey:
    return api_key_service_pb2.ApiKey(
        id=key.id,
        name=key.name,
        scopes=numbers_of(key.scopes),
        suspended=key.suspended,
        created_ms=key.created_ms,
        expires_ms=key.expires_ms,
        last_used_ms=key.last_used_ms,
        classes=message_of(key.classes),
    )
