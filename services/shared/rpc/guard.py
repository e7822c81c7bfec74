"""Checks each call that reaches a service: who calls, and whether the method's scopes allow it."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Protocol

from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message

from services.shared.access import caller
from services.shared.access.decision import require, require_flow
from services.shared.access.principal import Principal, Scope
from services.shared.access.service_tokens import ServiceTokens
from services.shared.errors import PermissionDenied, Unauthenticated
from services.shared.rpc.flow_fields import flow_ids_of
from services.shared.rpc.scopes import scopes_of

AUTHORIZATION_KEY = "authorization"
# Only processes of the store can call these methods, and they have checked the flow before.
_INTERNAL = frozenset({Scope.SERVICE})


class CheckHeader(Protocol):
    """Authenticates callers that are no services."""

    async def __call__(self, authorization: str) -> Principal:
        """The caller with the credentials of an Authorization header. Unauthenticated."""
        ...


class Note(Protocol):
    """Notes callers that are not admitted, for the audit log."""

    def failed(self, claimed_name: str, reason: str) -> None:
        """Note an attempt to authenticate."""
        ...

    def refused(self, name: str, reason: str) -> None:
        """Note that a caller, who has authenticated, was refused."""
        ...


class Guard:
    """Admits calls. Callers show a service token, or credentials as in HTTP."""

    def __init__(
        self,
        tokens: ServiceTokens,
        check_header: CheckHeader,
        services: Iterable[ServiceDescriptor],
        note: Note | None = None,
    ) -> None:
        """`check_header` notes what it refuses by itself."""
        self._tokens = tokens
        self._check_header = check_header
        self._note = note
        methods = {
            f"/{service.full_name}/{method.name}": method
            for service in services
            for method in service.methods
        }
        self._scopes = {path: scopes_of(method) for path, method in methods.items()}
        self._flow_ids = {path: flow_ids_of(method) for path, method in methods.items()}

    async def admit(self, method: str, metadata: Mapping[str, str], request: Message | None = None) -> None:
        """Set the caller of the present call.

        Unauthenticated, or PermissionDenied MISSING_SCOPE or OUTSIDE_TOKEN. Without the request, a caller
        whose token is for one flow is refused.
        """
        scopes = self._scopes.get(method)
        if scopes is None:
            raise PermissionDenied(f"{method} is open to nobody", reason="MISSING_SCOPE")
        principal = await self._identify(metadata)
        try:
            require(principal, scopes)
            if principal.limit is not None:
                self._require_flow(principal, method, request)
        except PermissionDenied as error:
            if self._note is not None:
                self._note.refused(principal.name, error.reason)
            raise
        caller.act_for(principal, partial(self._tokens.make, principal))

    def _require_flow(self, principal: Principal, method: str, request: Message | None) -> None:
        flow_ids = self._flow_ids[method]
        if flow_ids is None and self._scopes[method] == _INTERNAL:
            return
        require_flow(principal, () if flow_ids is None or request is None else flow_ids(request))

    async def _identify(self, metadata: Mapping[str, str]) -> Principal:
        token = metadata.get(caller.CALLER_KEY)
        if token is not None:
            return self._check(token)
        authorization = metadata.get(AUTHORIZATION_KEY)
        if authorization is None:
            raise Unauthenticated("the call has no credentials", reason=caller.NO_CREDENTIALS)
        return await self._check_header(authorization)

    def _check(self, token: str) -> Principal:
        try:
            return self._tokens.check(token)
        except Unauthenticated as error:
            if self._note is not None:
                self._note.failed("", error.summary)
            raise Unauthenticated(error.summary, reason=caller.FOREIGN_CALLER) from None
