"""Checks the credentials of requests, and remembers the valid ones for a short time."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from time import time
from typing import Final

from services.access.attempts import Attempts
from services.access.credentials import Basic, Bearer, Credentials, parse_authorization
from services.access.ports import Accounts, Checked, Tokens
from services.shared.access import url_tokens
from services.shared.access.principal import Principal
from services.shared.access.url_tokens import UrlTokens
from services.shared.errors import Exhausted, Unauthenticated

# Users and keys that are suspended or revoked are refused after this time at the latest.
REMEMBERED_SECONDS: Final = 10.0
_MAX_REMEMBERED: Final = 10_000


class Authenticator:
    """Turns credentials into principals. Valid credentials are remembered by their digest."""

    def __init__(
        self,
        tokens: Tokens | None,
        accounts: Accounts,
        clock: Callable[[], float] = time,
        urls: UrlTokens | None = None,
        attempts: Attempts | None = None,
    ) -> None:
        """`tokens` is None if the store accepts no JWTs, `urls` if it accepts no tokens of its own.

        Attempts are noted for the audit log, if `attempts` is given.
        """
        self._tokens = tokens
        self._accounts = accounts
        self._clock = clock
        self._urls = urls
        self._attempts = attempts or Attempts()
        self._remembered: OrderedDict[bytes, Checked] = OrderedDict()

    def remembered(self, authorization: str) -> Principal | None:
        """The caller with this Authorization header, if it is remembered. The header is not parsed."""
        return self._known(_digest(authorization))

    async def principal_of_header(self, authorization: str) -> Principal:
        """The caller with the credentials of an Authorization header. Unauthenticated."""
        digest = _digest(authorization)
        known = self._known(digest)
        return known or await self._checked(digest, self._parse(authorization))

    async def principal(self, credentials: Credentials) -> Principal:
        """The caller with these credentials; Unauthenticated if they are not valid."""
        # A header has no NUL, so its digest differs.
        digest = _digest("\0".join((type(credentials).__name__, *credentials)))
        known = self._known(digest)
        return known or await self._checked(digest, credentials)

    def _known(self, digest: bytes) -> Principal | None:
        known = self._remembered.get(digest)
        return known.principal if known is not None and known.expires_at > self._clock() else None

    async def _checked(self, digest: bytes, credentials: Credentials) -> Principal:
        try:
            checked = await self._check(credentials)
        except (Unauthenticated, Exhausted) as error:
            claimed = credentials.user if isinstance(credentials, Basic) else ""
            self._attempts.failed(
                claimed, error.summary if isinstance(error, Unauthenticated) else error.reason
            )
            raise
        self._attempts.succeeded(checked.principal.name)
        until = min(checked.expires_at, self._clock() + REMEMBERED_SECONDS)
        self._remembered[digest] = checked._replace(expires_at=until)
        self._remembered.move_to_end(digest)
        if len(self._remembered) > _MAX_REMEMBERED:
            self._remembered.popitem(last=False)
        return checked.principal

    def _parse(self, authorization: str) -> Credentials:
        try:
            return parse_authorization(authorization)
        except Unauthenticated as error:
            self._attempts.failed("", error.summary)
            raise

    async def _check(self, credentials: Credentials) -> Checked:
        match credentials:
            case Basic(user, password):
                return await self._accounts.check_password(user, password)
            case Bearer(token) if credentials.is_key:
                return await self._accounts.check_key(token)
            case Bearer(token) if self._urls is not None and token.startswith(url_tokens.PREFIX):
                return Checked(*self._urls.check(token))
            case Bearer(token):
                if self._tokens is None:
                    raise Unauthenticated("this store accepts no JWTs; use an API key or a user's password")
                return await self._tokens.check(token)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
