"""Admits requests: who calls, whether the route's scope allows it, and whether a limit is reached."""

from functools import partial
from typing import Final
from urllib.parse import unquote_plus

from gateway.http.requests import Request
from gateway.limits.addresses import ClientAddresses
from gateway.limits.in_progress import InProgress
from gateway.limits.limits import Limits
from services.access.credentials import Bearer
from services.access.process import Access
from services.shared.access import caller
from services.shared.access.decision import require, require_flow, require_method
from services.shared.access.principal import Principal
from services.shared.errors import PermissionDenied, Unauthenticated

# The query parameter of a token in a URL (TAMS 7.0, url_token_auth).
_URL_TOKEN: Final = "access_token="  # noqa: S105 - the name, not a token
# The paths of a flow. Its id is their first parameter.
_FLOW: Final = "/flows/{flowId}"
# Its playlists, which players load with a token in the URL.
_PLAYLISTS: Final = (f"/x{_FLOW}/playlist.m3u8", f"/x{_FLOW}/multivariant.m3u8")


class Admission:
    """Admits requests with valid credentials, within the limits."""

    def __init__(
        self,
        access: Access | None,
        limits: Limits | None = None,
        addresses: ClientAddresses | None = None,
    ) -> None:
        """`access` is None for a store without access control, `limits` for one without limits.

        `addresses` is None if no proxy is trusted.
        """
        self._addresses = addresses or ClientAddresses(None)
        self._access = access
        # They may be replaced at any time.
        self.limits = limits

    @property
    def in_progress(self) -> InProgress | None:
        """The limit of the requests of a caller that are in progress; None without one."""
        return None if self.limits is None else self.limits.in_progress

    async def admit(self, request: Request) -> None:
        """Set the caller of the request.

        Unauthenticated; PermissionDenied MISSING_SCOPE or OUTSIDE_TOKEN; Exhausted RATE_LIMITED, or
        TOO_MANY_ATTEMPTS after too many failed attempts from its address. Public routes admit everyone, as
        the store itself.
        """
        scope = request.route.scopes.get(request.scope.method)
        if scope is None:
            return
        if self.limits is not None:
            self.limits.check_address(request)
        if self._access is None:
            return
        header = request.headers.get("authorization")
        principal = None if header is None else self._access.authenticator.remembered(header)
        if principal is None:
            principal = await self._authenticated(self._access, request, header)
        try:
            require(principal, (scope,))
            if principal.limit is not None:
                _require_within(principal, request)
        except PermissionDenied as error:
            caller.address.set(self._addresses.of(request))
            self._access.attempts.refused(principal.name, error.reason)
            raise
        if self.limits is not None:
            self.limits.check_caller(principal.name)
        caller.act_for(principal, partial(self._access.tokens.make, principal))

    async def _authenticated(self, access: Access, request: Request, header: str | None) -> Principal:
        token = _url_token(request.query_string) if header is None else ""
        if header is None and not token:
            # Not a failed attempt: browsers ask first, and send credentials after the 401.
            raise Unauthenticated("the request has no credentials; send an Authorization header")
        caller.address.set(self._addresses.of(request))
        try:
            if header is not None:
                return await access.authenticator.principal_of_header(header)
            return await access.authenticator.principal(Bearer(token))
        except Unauthenticated:
            if self.limits is not None:
                self.limits.note_failure(request)
            raise


def _url_token(query: str) -> str:
    """The token in a query string; empty unless there is exactly one."""
    if _URL_TOKEN not in query:
        return ""
    tokens = [part.removeprefix(_URL_TOKEN) for part in query.split("&") if part.startswith(_URL_TOKEN)]
    return unquote_plus(tokens[0]) if len(tokens) == 1 else ""


def _require_within(principal: Principal, request: Request) -> None:
    require_method(principal, request.scope.method)
    template = request.route.template
    is_of_flow = template == _FLOW or template.startswith(f"{_FLOW}/") or template in _PLAYLISTS
    require_flow(principal, request.params[:1] if is_of_flow else ())
