"""The token of a profile, kept in the config folder between commands."""

import msgspec

from client.login.folder import ConfigFolder
from client.login.oidc.tokens import Token

# A token is renewed this long before it expires, or when a quarter of its life is left.
MARGIN_SECONDS = 60.0


class StoredToken(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An access token with its times in seconds since 1970. 0 means that the server gave no time."""

    access_token: str
    refresh_token: str = ""
    expires_at: float = 0.0
    renew_at: float = 0.0

    def __repr__(self) -> str:
        return f"StoredToken(expires_at={self.expires_at})"

    @classmethod
    def of(cls, token: Token, now: float) -> "StoredToken":
        """A token that was issued at `now`."""
        refresh_token = token.refresh_token or ""
        if token.expires_in is None:
            return cls(access_token=token.access_token, refresh_token=refresh_token)
        life = max(token.expires_in, 0.0)
        return cls(
            access_token=token.access_token,
            refresh_token=refresh_token,
            expires_at=now + life,
            renew_at=now + life - min(MARGIN_SECONDS, life / 4),
        )

    def is_due(self, now: float) -> bool:
        """True if it is time to renew the token."""
        return bool(self.expires_at) and now >= self.renew_at

    def has_expired(self, now: float) -> bool:
        """True if the token is no longer valid."""
        return bool(self.expires_at) and now >= self.expires_at


class TokenFile:
    """The file with the token of one profile."""

    def __init__(self, folder: ConfigFolder, profile: str) -> None:
        self.folder = folder
        self.name = f"token-{profile}.json"

    def read(self) -> StoredToken | None:
        """The token; None if the profile is logged out. LoginFailed if the file is damaged."""
        return self.folder.read(self.name, StoredToken)

    def write(self, token: StoredToken) -> None:
        """Replace the token. LoginFailed if the file cannot be written."""
        self.folder.write(self.name, token)

    def remove(self) -> bool:
        """Remove the token; False if no token is stored."""
        return self.folder.remove(self.name)
