"""Classes in requests."""

from collections.abc import Collection
from typing import TypeAlias

from tams.access.v1 import api_key_service_pb2, user_service_pb2

from services.metadata.domain.accounts.classes import ALL_CLASSES

_Request: TypeAlias = user_service_pb2.CreateUserRequest | api_key_service_pb2.CreateApiKeyRequest


def words_of_request(request: _Request) -> Collection[str]:
    """The classes of a new user or key; `*` if the request has none."""
    return request.classes.names if request.HasField("classes") else ALL_CLASSES
