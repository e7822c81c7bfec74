"""The public keys of an issuer, from a file, a URL, or OIDC discovery.

They are read again every few minutes. A token with an unknown key id makes that happen earlier, since the
issuer may have new keys, but only so often that strangers cannot make the store ask all the time.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Final, NamedTuple

import jwt

from services.access.jwt.documents import jwks_uri, parse_keys
from services.access.jwt.fetch import Fetch
from services.shared.errors import StartupError, Unavailable

DISCOVERY: Final = "/.well-known/openid-configuration"
# Known keys are read again after this time, in the background. After twice the time requests wait for it, so
# that a key that the issuer has removed does not come back after a quiet night.
REFRESH_SECONDS: Final = 300.0
# The least time between two reads.
PAUSE_SECONDS: Final = 10.0
_WEB: Final = ("https://", "http://")

_log = logging.getLogger(__name__)


class Source(NamedTuple):
    """The place of the keys: a file, or the URL of a JWKS, or of an issuer with discovery."""

    file: str = ""
    url: str = ""
    issuer: str = ""

    @classmethod
    def of(cls, jwks: str, issuer: str) -> "Source":
        """The source that the settings name; `jwks` goes before discovery.

        StartupError if neither is a place: an issuer without discovery has any text as its name.
        """
        if jwks:
            return cls(url=jwks) if jwks.startswith(_WEB) else cls(file=jwks)
        if not issuer.startswith(_WEB):
            raise StartupError("TAMS_AUTH_ISSUER is no URL, so its keys have to be named by TAMS_AUTH_JWKS")
        return cls(issuer=issuer)


class Keys:
    """The keys by id. Used by one event loop."""

    def __init__(self, source: Source, fetch: Fetch, clock: Callable[[], float] = monotonic) -> None:
        self._source = source
        self._fetch = fetch
        self._clock = clock
        # None until they have been read once.
        self._keys: Mapping[str, jwt.PyJWK] | None = None
        self._read_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None, refused: jwt.PyJWK | None = None) -> jwt.PyJWK | None:
        """The key with this id; None if the issuer has no such key. Without an id, the only key.

        `refused` is a key that this returned before and that does not fit; the issuer may have replaced it.
        Unavailable ISSUER_UNAVAILABLE if no keys could be read yet.
        """
        age = self._clock() - self._read_at
        known = self._known(key_id, refused)
        if age > REFRESH_SECONDS or (known is None and age > PAUSE_SECONDS):
            self._read_at = self._clock()
            self._reading = asyncio.create_task(self._refresh())
        if self._reading is not None and (known is None or age > 2 * REFRESH_SECONDS):
            # Shielded, because other requests wait for the same read.
            await asyncio.shield(self._reading)
        if self._keys is None:
            raise Unavailable(
                "the keys of the issuer cannot be read; try again later", reason="ISSUER_UNAVAILABLE"
            )
        return self._known(key_id, refused)

    def _known(self, key_id: str | None, refused: jwt.PyJWK | None) -> jwt.PyJWK | None:
        keys = self._keys or {}
        if key_id is None:
            found = next(iter(keys.values())) if len(keys) == 1 else None
        else:
            found = keys.get(key_id)
        return None if found is refused else found

    async def _refresh(self) -> None:
        try:
            self._keys = parse_keys(await self._read())
        except (OSError, ValueError) as error:
            _log.warning("cannot read the keys of the issuer", extra={"reason": str(error)})

    async def _read(self) -> bytes:
        source = self._source
        if source.file:
            return await asyncio.to_thread(Path(source.file).read_bytes)
        if source.url:
            return await self._fetch(source.url)
        return await self._fetch(
            jwks_uri(await self._fetch(source.issuer.rstrip("/") + DISCOVERY), source.issuer)
        )

    def check_file(self) -> None:
        """StartupError if the keys are in a file that cannot be used."""
        if self._source.file:
            try:
                parse_keys(Path(self._source.file).read_bytes())
            except (OSError, ValueError) as error:
                raise StartupError(f"TAMS_AUTH_JWKS: cannot use {self._source.file}: {error}") from None

    async def close(self) -> None:
        """End a read that is not finished."""
        if self._reading is not None:
            self._reading.cancel()
            with suppress(asyncio.CancelledError):
                await self._reading
