"""Checks JWTs: signature, issuer, audience, times; then the scopes."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias

import jwt

from services.access.jwt.claims import Claims
from services.access.jwt.documents import ASYMMETRIC
from services.access.jwt.fetch import http_fetch
from services.access.jwt.keys import Keys, Source
from services.access.ports import Checked
from services.access.secrets import read_secret
from services.access.settings import AccessSettings
from services.shared.errors import StartupError, Unauthenticated

# The algorithm of signatures with a secret. The header of a token cannot choose it for a public key.
SYMMETRIC: Final = "HS256"
MAX_TOKEN: Final = 16_384
_MIN_SECRET_BYTES: Final = 32
_REQUIRED: Final = ["exp", "aud", "iss"]

Claimed: TypeAlias = Mapping[str, Any]


class JwtTokens:
    """Checks JWTs of one issuer."""

    def __init__(self, settings: AccessSettings, keys: Keys | None, secret: str) -> None:
        """`keys` is None without public keys, `secret` empty without HS256."""
        self._issuer = settings.issuer
        self._audience = settings.audience
        self._skew = settings.auth_skew_seconds
        self._keys = keys
        self._secret = secret
        self._claims = Claims.of(settings)

    async def check(self, token: str) -> Checked:
        """The caller that a JWT names; Unauthenticated with the reason if it is not valid."""
        if len(token) > MAX_TOKEN:
            raise Unauthenticated(f"the token has more than {MAX_TOKEN} characters")
        try:
            claims = await self._verified(token)
        except jwt.PyJWTError as error:
            raise Unauthenticated(f"the token is not valid: {_reason(error)}") from None
        return Checked(self._claims.principal(claims), float(claims["exp"]) + self._skew)

    async def _verified(self, token: str) -> Claimed:
        """The claims of a token that is valid."""
        header = jwt.get_unverified_header(token)
        algorithm = str(header.get("alg"))
        if algorithm == SYMMETRIC and self._secret:
            return self._decoded(token, self._secret, algorithm)
        if algorithm not in ASYMMETRIC or self._keys is None:
            raise Unauthenticated("the token is signed in a way that this store does not accept")
        key_id: str | None = header.get("kid")
        key = await self._keys.find(key_id)
        try:
            return self._decoded(token, _fitting(key, algorithm), algorithm)
        except jwt.InvalidSignatureError:
            # Some issuers do not name their keys, or give a new one the name of the last.
            renewed = await self._keys.find(key_id, refused=key)
            if renewed is None:
                raise
            return self._decoded(token, _fitting(renewed, algorithm), algorithm)

    def _decoded(self, token: str, key: jwt.PyJWK | str, algorithm: str) -> Claimed:
        claims: Claimed = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=self._audience,
            issuer=self._issuer,
            leeway=self._skew,
            options={"require": _REQUIRED},
        )
        return claims


def _fitting(key: jwt.PyJWK | None, algorithm: str) -> jwt.PyJWK:
    if key is None or key.algorithm_name != algorithm:
        raise Unauthenticated("the token is signed with a key that the issuer does not have")
    return key


def _reason(error: jwt.PyJWTError) -> str:
    """The cause, without parts of the token."""
    return _REASONS.get(type(error), "it is malformed")


_REASONS: Final[dict[type[jwt.PyJWTError], str]] = {
    jwt.ExpiredSignatureError: "it has expired",
    jwt.ImmatureSignatureError: "it is not valid yet",
    jwt.InvalidSignatureError: "its signature is wrong",
    jwt.InvalidAudienceError: "it is for another audience",
    jwt.InvalidIssuerError: "it is of another issuer",
    jwt.MissingRequiredClaimError: "it lacks exp, aud or iss",
}


@asynccontextmanager
async def open_tokens(settings: AccessSettings) -> AsyncIterator[JwtTokens | None]:
    """The checker of JWTs; None if the settings name no issuer. StartupError for a bad setting."""
    secret = read_secret(settings.hs256_secret, settings.hs256_secret_file, "TAMS_AUTH_HS256_SECRET")
    if not settings.issuer:
        if settings.jwks or secret or settings.audience:
            raise StartupError("JWTs need TAMS_AUTH_ISSUER and TAMS_AUTH_AUDIENCE")
        yield None
        return
    if not settings.audience:
        raise StartupError("TAMS_AUTH_ISSUER needs TAMS_AUTH_AUDIENCE, so that tokens for others are refused")
    if secret and len(secret.encode()) < _MIN_SECRET_BYTES:
        raise StartupError(f"TAMS_AUTH_HS256_SECRET has fewer than {_MIN_SECRET_BYTES} bytes")
    if secret and not settings.jwks:
        yield JwtTokens(settings, None, secret)
        return
    keys = Keys(Source.of(settings.jwks, settings.issuer), http_fetch(settings.auth_ca_file))
    keys.check_file()
    try:
        yield JwtTokens(settings, keys, secret)
    finally:
        await keys.close()
