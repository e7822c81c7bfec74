"""Lets users change their own passwords."""

from dataclasses import replace
from typing import Final

from services.metadata.application.accounts.passwords import Passwords
from services.metadata.application.accounts.verification import Verification
from services.metadata.application.audit.recording import record
from services.metadata.application.clock import Clock, authored_moment
from services.metadata.application.ports import Store, Tables
from services.metadata.domain.accounts.user import USER_PREFIX, check_new_password
from services.shared.access import caller
from services.shared.errors import NotFound, PermissionDenied

# The hash may be renewed between the check of the old password and the change.
_ATTEMPTS: Final = 2


class OwnPassword:
    """The password of the present caller."""

    def __init__(self, store: Store, clock: Clock, passwords: Passwords, verification: Verification) -> None:
        self._store = store
        self._clock = clock
        self._passwords = passwords
        self._verification = verification

    async def change(self, old: str, new: str) -> None:
        """Replace the old password.

        NotFound USER_NOT_FOUND if the caller is no user, PermissionDenied OUTSIDE_TOKEN for one with a token
        for URLs, PermissionDenied WRONG_PASSWORD; InvalidArgument BAD_PASSWORD for the new one; Exhausted
        TOO_MANY_ATTEMPTS or PASSWORDS_WAITING.
        """
        name = _name_of_caller()
        check_new_password(new, "new_password")
        new_hash = ""
        for _ in range(_ATTEMPTS):
            user = await self._verification.user_with(name, old)
            if user is None:
                break
            new_hash = new_hash or await self._passwords.hash(new)
            if await self._replace(name, user.password_hash, new_hash):
                return
        raise PermissionDenied("the old password is wrong, or the user is suspended", reason="WRONG_PASSWORD")

    async def _replace(self, name: str, old_hash: str, new_hash: str) -> bool:
        """Replace a hash; False if the user has another one by now, for example one of an administrator."""
        now = authored_moment(self._clock)

        def change(tables: Tables) -> bool:
            user = tables.users.get(name)
            if user is None or user.suspended or user.password_hash != old_hash:
                return False
            tables.users.put(replace(user, password_hash=new_hash, changed_ms=now.ms))
            record(tables, now, "users.change_own_password", user.principal.name)
            return True

        return await self._store.write(change)


def _name_of_caller() -> str:
    """The caller's name as a user."""
    principal = caller.principal.get()
    if principal.limit is not None:
        raise PermissionDenied("a token for URLs changes no password", reason="OUTSIDE_TOKEN")
    if not principal.name.startswith(USER_PREFIX):
        raise NotFound(
            "the caller is no user of the store, so it has no password here", reason="USER_NOT_FOUND"
        )
    return principal.name.removeprefix(USER_PREFIX)
