"""Verifies the passwords of users, within the limit of attempts."""

from services.metadata.application.accounts.attempts import Attempts
from services.metadata.application.accounts.passwords import Passwords
from services.metadata.application.accounts.renewals import Renewals
from services.metadata.application.ports import Store
from services.metadata.domain.accounts.user import User, is_user_name
from services.shared.errors import Exhausted


class Verification:
    """Finds users by name and password. Equally slow for names that no user has."""

    def __init__(self, store: Store, passwords: Passwords, attempts: Attempts, renewals: Renewals) -> None:
        self._store = store
        self._passwords = passwords
        self._attempts = attempts
        self._renewals = renewals

    async def user_with(self, name: str, password: str) -> User | None:
        """The user with this name and password; None if one is wrong, or the user suspended.

        Exhausted TOO_MANY_ATTEMPTS after many wrong passwords of the user, and PASSWORDS_WAITING.
        """
        known = is_user_name(name)
        stored = await self._store.read(lambda tables: tables.users.get(name)) if known else None
        self._passwords.require_room()
        if known:
            self._attempts.begin(name)
        is_right = await self._passwords.verify(stored.password_hash if stored else None, password)
        if is_right:
            self._attempts.succeed(name)
        if stored is None or not is_right or stored.suspended:
            return None
        if self._passwords.is_outdated(stored.password_hash):
            await self._renew(stored, password)
        return stored

    async def _renew(self, user: User, password: str) -> None:
        try:
            self._renewals.note(user, await self._passwords.hash(password))
        except Exhausted:
            return  # At a later login then.
