"""Checks users and API keys with the metadata service, which stores them."""

from math import inf
from typing import Final

from grpc import aio
from tams.access.v1 import credential_service_pb2, credential_service_pb2_grpc

from services.access.ports import Checked
from services.shared.access.classes import classes_of_words
from services.shared.access.principal import Principal
from services.shared.rpc.client import call
from services.shared.rpc.scopes import SCOPES

CREDENTIALS: Final = credential_service_pb2.DESCRIPTOR.services_by_name["CredentialService"]


class RpcAccounts:
    """Accounts over a channel to the metadata service."""

    def __init__(self, channel: aio.Channel) -> None:
        self._stub = credential_service_pb2_grpc.CredentialServiceStub(channel)

    async def check_password(self, user: str, password: str) -> Checked:
        """The caller with this password. Unauthenticated if one is wrong, or the user suspended."""
        request = credential_service_pb2.CheckPasswordRequest(user=user, password=password)
        return _checked(await call(self._stub.CheckPassword, request))

    async def check_key(self, key: str) -> Checked:
        """The caller with this API key. Unauthenticated if it is unknown, revoked, suspended or expired."""
        return _checked(await call(self._stub.CheckKey, credential_service_pb2.CheckKeyRequest(key=key)))


def _checked(reply: credential_service_pb2.Caller) -> Checked:
    scopes = (SCOPES[scope] for scope in reply.scopes)
    # A reply of an earlier version has no classes, and gives all, as that version did.
    classes = classes_of_words(reply.classes.names) if reply.HasField("classes") else None
    return Checked(Principal.of(reply.name, scopes, classes), reply.expires_at or inf)
