"""API keys: JSON to protobuf and back."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType
from tams.access.v1 import api_key_service_pb2

from gateway.codecs import decoding
from gateway.codecs.accounts.values import (
    ClassNames,
    Moment,
    ScopeName,
    ScopeNames,
    class_names,
    classes_message,
    milliseconds_of,
    moment_of,
    names_of,
    numbers_of,
)
from services.shared.json.reading import refuse


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """An API key. `key` is its text, which only the answer that made it has."""

    id: str
    name: str
    scopes: list[ScopeName]
    classes: list[str]
    suspended: bool
    created: datetime
    expires: datetime | UnsetType = UNSET
    last_used: datetime | UnsetType = UNSET
    key: str | UnsetType = UNSET

    def __repr__(self) -> str:
        """The id alone, because the text must not appear in a log."""
        return f"ApiKey(id={self.id!r})"


class NewApiKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key to create. Without a time of expiry it does not expire."""

    name: str
    scopes: ScopeNames
    classes: ClassNames | None = None
    expires: Moment | None = None


class ApiKeyChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change of a key: either a new secret, or whether it is suspended."""

    rotate: bool = False
    suspended: bool | None = None


_new: Final = msgspec.json.Decoder(NewApiKey)
_change: Final = msgspec.json.Decoder(ApiKeyChange)


def create_request(body: bytes) -> api_key_service_pb2.CreateApiKeyRequest:
    """The key in a body. InvalidArgument for a body that does not fit."""
    new = decoding.decode(_new, body)
    return api_key_service_pb2.CreateApiKeyRequest(
        name=new.name,
        scopes=numbers_of(new.scopes),
        expires_ms=None if new.expires is None else milliseconds_of(new.expires),
        classes=classes_message(new.classes),
    )


def change_request(
    key_id: str, body: bytes
) -> api_key_service_pb2.RotateApiKeyRequest | api_key_service_pb2.SuspendApiKeyRequest:
    """The change in a body. InvalidArgument for a body that does not fit, and unless it is one change."""
    change = decoding.decode(_change, body)
    if change.rotate == (change.suspended is not None):
        raise refuse("must have either suspended or rotate", "$", "BAD_BODY")
    if change.suspended is None:
        return api_key_service_pb2.RotateApiKeyRequest(id=key_id)
    return api_key_service_pb2.SuspendApiKeyRequest(id=key_id, suspended=change.suspended)


def document(key: api_key_service_pb2.ApiKey) -> bytes:
    """The JSON of a key."""
    return msgspec.json.encode(_key(key))


def new_document(new: api_key_service_pb2.NewApiKey) -> bytes:
    """The JSON of a key with its text."""
    return msgspec.json.encode(msgspec.structs.replace(_key(new.key), key=new.text))


def listing(keys: Iterable[api_key_service_pb2.ApiKey]) -> bytes:
    """The JSON of a list of keys."""
    return msgspec.json.encode({"api_keys": list(map(_key, keys))})


def _key(key: api_key_service_pb2.ApiKey) -> ApiKey:
    return ApiKey(
        id=key.id,
        name=key.name,
        scopes=names_of(key.scopes),
        classes=class_names(key),
        suspended=key.suspended,
        created=moment_of(key.created_ms),
        expires=moment_of(key.expires_ms) if key.HasField("expires_ms") else UNSET,
        last_used=moment_of(key.last_used_ms) if key.HasField("last_used_ms") else UNSET,
    )
