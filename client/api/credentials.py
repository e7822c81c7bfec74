"""Credentials of a store's API: a bearer token, or a user and a password (TAMS 7.0, security schemes)."""

from base64 import b64encode
from dataclasses import dataclass, field
from typing import Protocol


class Credentials(Protocol):
    """Proves to a store who calls. No representation shows the secret."""

    async def authorization(self) -> str:
        """The value of the Authorization header (RFC 9110, section 11.6.2). LoginFailed without a login."""
        ...


@dataclass(frozen=True)
class BearerToken:
    """A JWT or an API key, for `Authorization: Bearer` (RFC 6750). ValueError for other text."""

    token: str = field(repr=False)

    def __post_init__(self) -> None:
        if not self.token or not self.token.isascii() or not self.token.isprintable() or " " in self.token:
            raise ValueError("the token is empty, or has characters that no token has")

    async def authorization(self) -> str:
        """The header's value."""
        return f"Bearer {self.token}"


@dataclass(frozen=True)
class UserPassword:
    """A user and a password for `Authorization: Basic` (RFC 7617). ValueError for a user with a colon."""

    user: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        if not self.user or ":" in self.user:
            raise ValueError("the user is empty, or has a colon in it")

    async def authorization(self) -> str:
        """The header's value."""
        return f"Basic {b64encode(f'{self.user}:{self.password}'.encode()).decode('ascii')}"
