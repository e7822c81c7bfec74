"""CredentialService."""

from functools import partial
from math import isfinite

from tams.access.v1 import credential_service_pb2, credential_service_pb2_grpc

from services.access.ports import Checked
from services.metadata.application.accounts.checks import StoredAccounts
from services.metadata.servicers.accounts.scopes import numbers_of
from services.shared.rpc.classes import message_of
from services.shared.rpc.interceptors import Context
from services.shared.rpc.server import Registration


class CredentialServicer(credential_service_pb2_grpc.CredentialServiceServicer):
    """Translates between messages and StoredAccounts."""

    def __init__(self, accounts: StoredAccounts) -> None:
        self._accounts = accounts

    async def CheckPassword(
        self, request: credential_service_pb2.CheckPasswordRequest, context: Context
    ) -> credential_service_pb2.Caller:
        """Return the caller with a password."""
        return _message(await self._accounts.check_password(request.user, request.password))

    async def CheckKey(
        self, request: credential_service_pb2.CheckKeyRequest, context: Context
    ) -> credential_service_pb2.Caller:
        """Return the caller with an API key."""
        return _message(await self._accounts.check_key(request.key))


def registration(accounts: StoredAccounts) -> Registration:
    """The CredentialService for a server."""
    add = credential_service_pb2_grpc.add_CredentialServiceServicer_to_server
    return (
        credential_service_pb2.DESCRIPTOR.services_by_name["CredentialService"],
        partial(add, CredentialServicer(accounts)),
    )


def _message(checked: Checked) -> credential_service_pb2.Caller:
    principal, expires_at = checked
    return credential_service_pb2.Caller(
        name=principal.name,
        scopes=numbers_of(principal.scopes),
        expires_at=expires_at if isfinite(expires_at) else 0.0,
        classes=message_of(principal.classes),
    )
