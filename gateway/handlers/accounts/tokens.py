"""`/x/tokens`: tokens for URLs, an extension."""

from typing import Final

from gateway.codecs import token
from gateway.http import responses
from gateway.http.requests import Request
from gateway.http.responses import Response
from gateway.http.routing import SCOPES
from gateway.http.wire.body import BodyReader
from services.shared.access import caller
from services.shared.access.decision import require
from services.shared.access.principal import Limit, Principal
from services.shared.access.url_tokens import UrlTokens
from services.shared.errors import NotFound, PermissionDenied

_HEADERS: Final = (("cache-control", "no-store"),)


class Tokens:
    """Handlers that make tokens."""

    def __init__(self, tokens: UrlTokens | None, bodies: BodyReader) -> None:
        """`tokens` is None for a store without access control."""
        self._tokens = tokens
        self._bodies = bodies

    async def post(self, request: Request) -> Response:
        """POST /x/tokens: a token of the caller, for a time, for some methods, and if asked for one flow.

        NotFound TOKENS_NOT_OFFERED without access control. PermissionDenied MISSING_SCOPE for a method that
        the caller may not use, and OUTSIDE_TOKEN for a caller who shows such a token.
        """
        async with self._bodies.read(request) as body:
            asked = token.request(body)
        if self._tokens is None:
            raise NotFound(
                "this store needs no tokens, as it does not check who calls", reason="TOKENS_NOT_OFFERED"
            )
        limited = _limited(caller.principal.get(), asked)
        return responses.json(token.document(self._tokens.make(limited, asked.seconds)), _HEADERS)


def _limited(principal: Principal, asked: token.NewToken) -> Principal:
    """The caller with the scopes that the methods need and no others; never with the scope ADMIN."""
    if principal.limit is not None:
        raise PermissionDenied("a token for URLs makes no further tokens", reason="OUTSIDE_TOKEN")
    needed = frozenset(SCOPES["GET" if method == "HEAD" else method] for method in asked.methods)
    for scope in sorted(needed):
        require(principal, (scope,))
    limit = Limit(frozenset(asked.methods), asked.flow_id or "")
    return Principal(principal.name, needed, limit, principal.classes)
