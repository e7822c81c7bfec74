"""Tokens between the services of a store. They are signed with a secret that all its processes share.

A token names the caller for whom a process makes a call, or `system` for its own work. Its form is
`version.expiry.scopes.name.classes.signature`: the expiry in seconds since 1970, the scopes as letters, the
name, the classes, and the HMAC-SHA256 as unpadded base64url. The methods and the flow of a limited caller
stand before the signature. One token serves for minutes, so processes make and check few of them.
"""

from collections import OrderedDict
from collections.abc import Callable
from time import time
from typing import Final, TypeVar

from services.shared.access.principal import Principal, Scope
from services.shared.access.signing import Secrets, Signer, fields_of, principal_of
from services.shared.errors import Unauthenticated

K = TypeVar("K")
V = TypeVar("V")

# A token is made again when half of its life is over, so a call that waits does not outlive it.
LIFE_SECONDS: Final = 600
# Clocks of machines may differ by this much.
SKEW_SECONDS: Final = 60
_VERSION: Final = "2"
_PURPOSE: Final = "service"
_MAX_TOKENS: Final = 4096


class ServiceTokens:
    """Makes and checks tokens. Used by one thread only."""

    def __init__(self, secrets: Secrets | bytes, clock: Callable[[], float] = time) -> None:
        """StartupError for a short secret."""
        self._secrets = secrets if isinstance(secrets, Secrets) else Secrets(secrets)
        self._signer = Signer(self._secrets, _PURPOSE)
        self._known_secrets = self._secrets.all
        self._clock = clock
        self._made: OrderedDict[Principal, tuple[str, int]] = OrderedDict()
        self._checked: OrderedDict[str, tuple[Principal, int]] = OrderedDict()

    def make(self, principal: Principal) -> str:
        """A token for calls on behalf of a caller. SERVICE is added to the scopes."""
        self._follow_secrets()
        now = int(self._clock())
        made = self._made.get(principal)
        if made is not None and now < made[1] - LIFE_SECONDS // 2:
            return made[0]
        expiry = now + LIFE_SECONDS
        named = principal._replace(scopes=principal.scopes | {Scope.SERVICE})
        token = self._signer.sign((_VERSION, str(expiry), *fields_of(named)))
        _keep(self._made, principal, (token, expiry))
        return token

    def check(self, token: str) -> Principal:
        """The caller that a token names. Unauthenticated for a token that is forged, malformed or too old."""
        self._follow_secrets()
        known = self._checked.get(token)
        principal, expiry = known if known is not None else self._parse(token)
        if expiry + SKEW_SECONDS < self._clock():
            raise Unauthenticated("the service token is too old")
        if known is None:
            _keep(self._checked, token, (principal, expiry))
        return principal

    def _follow_secrets(self) -> None:
        """Forget all tokens if the secrets have changed, because one of them may have been taken back."""
        if self._secrets.all is not self._known_secrets:
            self._known_secrets = self._secrets.all
            self._made.clear()
            self._checked.clear()

    def _parse(self, token: str) -> tuple[Principal, int]:
        fields = self._signer.open(token)
        if fields is None:
            raise Unauthenticated("the service token was signed with another secret")
        try:
            version, expiry, *named = fields
            if version != _VERSION:
                raise Unauthenticated("the service token has another version")
            return principal_of(*named), int(expiry)
        except (TypeError, ValueError, KeyError):
            raise Unauthenticated("the service token is malformed") from None


def _keep(kept: OrderedDict[K, V], key: K, value: V) -> None:
    kept[key] = value
    if len(kept) > _MAX_TOKENS:
        kept.popitem(last=False)
