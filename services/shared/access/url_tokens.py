"""Tokens that stand in URLs, because players and browsers cannot send headers (TAMS 7.0, url_token_auth).

A token names a caller, with some of its scopes, the HTTP methods that it is for, and the flow if it is for
one alone. Its form is `tams-url.expiry.scopes.name.classes.methods.flow.signature`, as of service tokens. The
store keeps no record of tokens: they are valid until they expire.
"""

from collections.abc import Callable
from time import time
from typing import Final, NamedTuple

from services.shared.access.principal import Principal, Scope
from services.shared.access.signing import Secrets, Signer, fields_of, principal_of
from services.shared.errors import Unauthenticated

# The start of the text of every such token, so that it differs from JWTs and API keys.
PREFIX: Final = "tams-url."
_PURPOSE: Final = "url"
_FIELDS: Final = 7


class UrlToken(NamedTuple):
    """A token and the time at which it expires, in seconds since 1970."""

    text: str
    expires_at: int


class UrlTokens:
    """Makes and checks tokens."""

    def __init__(self, secrets: Secrets | bytes, clock: Callable[[], float] = time) -> None:
        """StartupError for a short secret."""
        self._signer = Signer(secrets if isinstance(secrets, Secrets) else Secrets(secrets), _PURPOSE)
        self._clock = clock

    def make(self, principal: Principal, seconds: int) -> UrlToken:
        """A token of a caller with a limit, for this time. It never has the scope SERVICE."""
        if principal.limit is None:
            raise ValueError("the caller has no limit")
        expires_at = int(self._clock()) + seconds
        named = principal._replace(scopes=principal.scopes - {Scope.SERVICE})
        fields = (PREFIX.rstrip("."), str(expires_at), *fields_of(named))
        return UrlToken(self._signer.sign(fields), expires_at)

    def check(self, text: str) -> tuple[Principal, float]:
        """The caller that a token names, and when the token expires in seconds since 1970.

        Unauthenticated for a token that is forged or has expired.
        """
        fields = self._signer.open(text)
        if fields is None or len(fields) != _FIELDS:
            raise Unauthenticated("the URL token is not valid: its signature is wrong")
        _, expiry, *named = fields
        expires_at = int(expiry)
        if expires_at <= self._clock():
            raise Unauthenticated("the URL token is not valid: it has expired")
        return principal_of(*named), float(expires_at)
