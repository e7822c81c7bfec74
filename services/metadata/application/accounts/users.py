"""Users: listing, creation, changes, removal."""

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from services.metadata.application.accounts.listing import page_of
from services.metadata.application.accounts.passwords import Passwords
from services.metadata.application.audit.recording import record
from services.metadata.application.clock import Clock, authored_moment
from services.metadata.application.pages import Page
from services.metadata.application.ports import Store, Tables
from services.metadata.domain.accounts.classes import ALL_CLASSES, check_classes
from services.metadata.domain.accounts.scopes import check_scopes
from services.metadata.domain.accounts.user import User, check_new_password, check_user_name, is_user_name
from services.metadata.domain.audit import Facts
from services.shared.access.classes import classes_of_words, words_of
from services.shared.access.principal import Scope
from services.shared.errors import AlreadyExists, Exhausted, NotFound

# Users are read together. Larger organisations have an issuer of JWTs.
MAX_USERS: Final = 1000
_LISTING: Final = "users"


class Users:
    """The users of the store."""

    def __init__(self, store: Store, clock: Clock, passwords: Passwords) -> None:
        self._store = store
        self._clock = clock
        self._passwords = passwords

    async def page(self, requested_size: int, token: str) -> Page[User]:
        """A page of the users, ascending by name. InvalidArgument BAD_PAGE_TOKEN."""
        stored = await self._store.read(lambda tables: tables.users.all())
        return page_of(stored, _LISTING, lambda one: one.name, requested_size, token)

    async def get(self, name: str) -> User:
        """The user; NotFound USER_NOT_FOUND."""
        return await self._store.read(lambda tables: _stored(tables, name))

    async def create(
        self, name: str, password: str, scopes: frozenset[Scope], classes: Collection[str] = ALL_CLASSES
    ) -> User:
        """Create a user, whose classes are `*` for all.

        InvalidArgument BAD_USER, BAD_PASSWORD, BAD_SCOPES, BAD_CLASSES; AlreadyExists USER_EXISTS. Exhausted
        TOO_MANY_USERS, or PASSWORDS_WAITING if too many passwords are being checked.
        """
        check_user_name(name)
        check_new_password(password)
        check_scopes(scopes)
        check_classes(classes)
        password_hash = await self._passwords.hash(password)
        now = authored_moment(self._clock)
        user = User(
            name=name,
            password_hash=password_hash,
            scopes=scopes,
            created_ms=now.ms,
            changed_ms=now.ms,
            classes=classes_of_words(classes),
        )
        facts: Facts = {"scopes": sorted(scopes), "classes": words_of(user.classes)}

        def insert(tables: Tables) -> None:
            if tables.users.get(name) is not None:
                raise AlreadyExists(f"there is a user {name}", reason="USER_EXISTS", path="$.name")
            if len(tables.users.all()) >= MAX_USERS:
                raise Exhausted(f"at most {MAX_USERS} users", reason="TOO_MANY_USERS")
            tables.users.put(user)
            record(tables, now, "users.create", user.principal.name, facts)

        await self._store.write(insert)
        return user

    async def update(
        self,
        name: str,
        *,
        password: str | None = None,
        scopes: frozenset[Scope] | None = None,
        classes: Collection[str] | None = None,
        suspended: bool | None = None,
    ) -> User:
        """Change what is not None; returns the user. NotFound USER_NOT_FOUND, and the errors of `create`."""
        if scopes is not None:
            check_scopes(scopes)
        if password is not None:
            check_new_password(password)
        if classes is not None:
            check_classes(classes)
        password_hash = None if password is None else await self._passwords.hash(password)
        now = authored_moment(self._clock)
        given = {"password": password, "scopes": scopes, "classes": classes, "suspended": suspended}
        members = [member for member, value in given.items() if value is not None]

        def change(tables: Tables) -> User:
            user = _stored(tables, name)
            after = replace(
                user,
                password_hash=password_hash or user.password_hash,
                scopes=user.scopes if scopes is None else scopes,
                classes=user.classes if classes is None else classes_of_words(classes),
                suspended=user.suspended if suspended is None else suspended,
                changed_ms=now.ms,
            )
            tables.users.put(after)
            facts: Facts = {
                "members": members, "scopes": sorted(after.scopes), "classes": words_of(after.classes),
                "suspended": after.suspended,
            }  # fmt: skip
            record(tables, now, "users.update", f"user:{name}", facts)
            return after

        return await self._store.write(change)

    async def delete(self, name: str) -> None:
        """Remove a user; NotFound USER_NOT_FOUND."""
        now = authored_moment(self._clock)

        def remove(tables: Tables) -> None:
            _stored(tables, name)
            tables.users.remove(name)
            record(tables, now, "users.delete", f"user:{name}")

        await self._store.write(remove)


def _stored(tables: Tables, name: str) -> User:
    user = tables.users.get(name) if is_user_name(name) else None
    if user is None:
        raise NotFound("there is no such user", reason="USER_NOT_FOUND")
    return user
