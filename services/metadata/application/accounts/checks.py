"""Checks the passwords of users and the texts of API keys."""

import asyncio
import hashlib
import hmac
from math import inf
from typing import Final

from services.access.ports import Checked
from services.metadata.application.accounts.last_uses import LastUses
from services.metadata.application.accounts.verification import Verification
from services.metadata.application.clock import Clock, moment
from services.metadata.application.ports import Store
from services.metadata.domain.accounts.api_key import parse_key
from services.shared.errors import Unauthenticated

# A digest that no secret has in practice, to compare with if there is no such key.
_NO_DIGEST: Final = bytes(32)


class StoredAccounts:
    """The users and API keys in the tables, as credentials of callers."""

    def __init__(self, store: Store, clock: Clock, verification: Verification, uses: LastUses) -> None:
        self._store = store
        self._clock = clock
        self._verification = verification
        self._uses = uses
        self._checking: dict[tuple[str, bytes], asyncio.Task[Checked]] = {}

    async def check_password(self, user: str, password: str) -> Checked:
        """The caller with this password. Unauthenticated if one is wrong, or the user suspended.

        Exhausted TOO_MANY_ATTEMPTS after many wrong passwords of the user, and PASSWORDS_WAITING. Equal calls
        at the same time share one check, as when a client opens many connections.
        """
        identity = user, hashlib.sha256(password.encode()).digest()
        task = self._checking.get(identity)
        if task is None:
            task = asyncio.create_task(self._check_password(user, password))
            self._checking[identity] = task
            task.add_done_callback(lambda done: self._forget(identity, done))
        return await asyncio.shield(task)

    async def check_key(self, key: str) -> Checked:
        """The caller with this API key. Unauthenticated if it is unknown, revoked, suspended or expired."""
        parts = parse_key(key)
        if parts is None:
            raise Unauthenticated("the API key is not valid")
        stored = await self._store.read(lambda tables: tables.api_keys.get(parts.id))
        is_right = hmac.compare_digest(parts.secret_hash, stored.secret_hash if stored else _NO_DIGEST)
        if stored is None or not is_right:
            raise Unauthenticated("the API key is not valid")
        now = moment(self._clock).ms
        if stored.suspended:
            raise Unauthenticated("the API key is suspended")
        if stored.is_expired(now):
            raise Unauthenticated("the API key has expired")
        self._uses.note(stored, now)
        return Checked(stored.principal, inf if stored.expires_ms is None else stored.expires_ms / 1000)

    async def _check_password(self, user: str, password: str) -> Checked:
        found = await self._verification.user_with(user, password)
        if found is None:
            raise Unauthenticated("the user or the password is wrong, or the user is suspended")
        return Checked(found.principal, inf)

    def _forget(self, identity: tuple[str, bytes], done: asyncio.Task[Checked]) -> None:
        del self._checking[identity]
        if not done.cancelled():
            done.exception()  # Otherwise asyncio logs it if all callers have left.
