"""The login of a profile as credentials of requests. Its token is renewed before it expires."""

import asyncio
from collections.abc import Callable
from time import time
from typing import Final

import msgspec

from client.login.folder import ConfigFolder
from client.login.logging_in import ended, renew
from client.login.oidc.exchange import NoAnswer
from client.login.profiles import Profile
from client.login.token_file import StoredToken, TokenFile

# After the server did not answer, a token that is still valid is used this long before the next attempt.
_PAUSE_SECONDS: Final = 30.0


class LoginCredentials:
    """Credentials of a profile that is logged in. Processes and tasks renew the token one at a time."""

    def __init__(
        self, folder: ConfigFolder, name: str, profile: Profile, clock: Callable[[], float] = time
    ) -> None:
        self._name = name
        self._profile = profile
        self._clock = clock
        self._file = TokenFile(folder, name)
        self._token: StoredToken | None = None
        self._renewing = asyncio.Lock()

    def __repr__(self) -> str:
        return f"LoginCredentials({self._name!r})"

    async def authorization(self) -> str:
        """The header's value. LoginFailed if the profile is logged out, or its login has ended."""
        if self._token is None or self._token.is_due(self._clock()):
            async with self._renewing:
                if self._token is None or self._token.is_due(self._clock()):
                    self._token = await self._valid()
        return f"Bearer {self._token.access_token}"

    async def _valid(self) -> StoredToken:
        stored = self._read()
        if not stored.is_due(self._clock()):
            return stored
        async with self._file.folder.locked(self._file.name):
            # Another process may have renewed it in the meantime.
            stored = self._read()
            return await self._renewed(stored) if stored.is_due(self._clock()) else stored

    def _read(self) -> StoredToken:
        stored = self._file.read()
        if stored is None:
            raise ended(self._name, "it has no token")
        return stored

    async def _renewed(self, stored: StoredToken) -> StoredToken:
        try:
            token = await renew(self._name, self._profile, stored.refresh_token)
        except NoAnswer:
            if stored.has_expired(self._clock()):
                raise
            return msgspec.structs.replace(stored, renew_at=self._clock() + _PAUSE_SECONDS)
        fresh = StoredToken.of(token, self._clock())
        self._file.write(fresh)
        return fresh
