"""The answer of a token endpoint (RFC 6749, section 5.1)."""

import msgspec

from client.api import BearerToken, LoginFailed


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """An access token; `expires_in` is its life in seconds, None if the server does not say."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - the name of a kind
    expires_in: float | None = None
    refresh_token: str | None = None

    def __repr__(self) -> str:
        return f"Token(expires_in={self.expires_in})"


def check(token: Token) -> Token:
    """The token. LoginFailed if it cannot be sent as `Authorization: Bearer`."""
    if token.token_type.lower() != "bearer":
        raise LoginFailed("the server issues tokens that are no bearer tokens")
    try:
        BearerToken(token.access_token)
    except ValueError:
        raise LoginFailed("the server issues a token with characters that no token has") from None
    return token
