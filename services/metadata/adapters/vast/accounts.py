"""The tables of users and API keys. They are small, so they are listed as a whole."""

from typing import Final

from services.metadata.adapters.vast.queries import Row, Values
from services.metadata.adapters.vast.reading.view import View
from services.metadata.domain.accounts.api_key import ApiKey
from services.metadata.domain.accounts.classes import classes_of_text, text_of_classes
from services.metadata.domain.accounts.scopes import scopes_of_text, text_of_scopes
from services.metadata.domain.accounts.user import User
from services.vast_client.filters.filters import EVERYTHING

_USERS: Final = "users"
_KEYS: Final = "api_keys"


class VastUsers:
    """Users by name."""

    def __init__(self, view: View) -> None:
        self._view = view

    def all(self) -> list[User]:
        """All users, ascending by name."""
        users = map(_user, self._view.select(_USERS, EVERYTHING))
        return sorted(users, key=lambda user: user.name)

    def get(self, name: str) -> User | None:
        """The user; None if there is no such user."""
        row = self._view.row(_USERS, "name", name)
        return _user(row) if row else None

    def put(self, user: User) -> None:
        """Store or replace a user. New users collide with each other, because there is a limit of them."""
        row = self._view.row(_USERS, "name", user.name)
        values: Values = {
            "password_hash": user.password_hash, "scopes": text_of_scopes(user.scopes),
            "suspended": user.suspended, "created_ms": user.created_ms, "changed_ms": user.changed_ms,
            "classes": text_of_classes(user.classes),
        }  # fmt: skip
        if row is not None:
            self._view.update(_USERS, row, **values)
        else:
            self._view.lock(_USERS)
            self._view.insert(_USERS, name=user.name, **values)

    def remove(self, name: str) -> None:
        """Remove a user."""
        self._view.delete(_USERS, self._view.lookup(_USERS, "name", name))


class VastApiKeys:
    """API keys by id."""

    def __init__(self, view: View) -> None:
        self._view = view

    def all(self) -> list[ApiKey]:
        """All keys, ascending by name."""
        keys = map(_key, self._view.select(_KEYS, EVERYTHING))
        return sorted(keys, key=lambda key: key.name)

    def get(self, key_id: str) -> ApiKey | None:
        """The key; None if there is no such key."""
        row = self._view.row(_KEYS, "id", key_id)
        return _key(row) if row else None

    def put(self, key: ApiKey) -> None:
        """Store or replace a key. New keys collide with each other, because their names are unique."""
        row = self._view.row(_KEYS, "id", key.id)
        values: Values = {
            "name": key.name, "secret_hash": key.secret_hash, "scopes": text_of_scopes(key.scopes),
            "suspended": key.suspended, "created_ms": key.created_ms, "expires_ms": key.expires_ms,
            "last_used_ms": key.last_used_ms, "classes": text_of_classes(key.classes),
        }  # fmt: skip
        if row is not None:
            self._view.update(_KEYS, row, **values)
        else:
            self._view.lock(_KEYS)
            self._view.insert(_KEYS, id=key.id, **values)

    def named(self, name: str) -> ApiKey | None:
        """The key with this name; None if there is no such key."""
        row = self._view.row(_KEYS, "name", name)
        return _key(row) if row else None

    def remove(self, key_id: str) -> None:
        """Remove a key."""
        self._view.delete(_KEYS, self._view.lookup(_KEYS, "id", key_id))

    def note_use(self, key_id: str, used_ms: int) -> None:
        """Store the time of a use, unless a later use is stored or the key does not exist."""
        row = self._view.row(_KEYS, "id", key_id)
        if row is not None and used_ms > (row["last_used_ms"] or 0):
            self._view.update(_KEYS, row, last_used_ms=used_ms)


def _user(row: Row) -> User:
    return User(
        name=row["name"],
        password_hash=row["password_hash"],
        scopes=scopes_of_text(row["scopes"]),
        suspended=row["suspended"],
        created_ms=row["created_ms"],
        changed_ms=row["changed_ms"],
        classes=classes_of_text(row["classes"]),
    )


def _key(row: Row) -> ApiKey:
    return ApiKey(
        id=row["id"],
        name=row["name"],
        secret_hash=row["secret_hash"],
        scopes=scopes_of_text(row["scopes"]),
        suspended=row["suspended"],
        created_ms=row["created_ms"],
        expires_ms=row["expires_ms"],
        last_used_ms=row["last_used_ms"],
        classes=classes_of_text(row["classes"]),
    )
