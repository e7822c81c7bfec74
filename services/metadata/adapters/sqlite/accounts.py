"""The tables of users and API keys."""

import sqlite3
from typing import Final

from services.metadata.domain.accounts.api_key import ApiKey
from services.metadata.domain.accounts.classes import classes_of_text, text_of_classes
from services.metadata.domain.accounts.scopes import scopes_of_text, text_of_scopes
from services.metadata.domain.accounts.user import User

_USER: Final = "SELECT name, password_hash, scopes, suspended, created_ms, changed_ms, classes FROM users"
_PUT_USER: Final = """
    INSERT OR REPLACE INTO users (name, password_hash, scopes, suspended, created_ms, changed_ms, classes)
    VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_KEY: Final = """
    SELECT id, name, secret_hash, scopes, suspended, created_ms, expires_ms, last_used_ms, classes
    FROM api_keys
"""
# No REPLACE, which would remove another key of the same name.
_PUT_KEY: Final = """
    INSERT INTO api_keys
        (id, name, secret_hash, scopes, suspended, created_ms, expires_ms, last_used_ms, classes)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, secret_hash = excluded.secret_hash,
        scopes = excluded.scopes, suspended = excluded.suspended, expires_ms = excluded.expires_ms,
        last_used_ms = excluded.last_used_ms, classes = excluded.classes
"""


class SqliteUsers:
    """Users by name."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def all(self) -> list[User]:
        """All users, ascending by name."""
        return list(map(_user, self._execute(f"{_USER} ORDER BY name")))

    def get(self, name: str) -> User | None:
        """The user; None if there is no such user."""
        row = self._execute(f"{_USER} WHERE name = ?", (name,)).fetchone()
        return _user(row) if row else None

    def put(self, user: User) -> None:
        """Store or replace a user."""
        scopes, classes = text_of_scopes(user.scopes), text_of_classes(user.classes)
        self._execute(
            _PUT_USER,
            (
                user.name, user.password_hash, scopes, user.suspended, user.created_ms, user.changed_ms,
                classes,
            ),
        )  # fmt: skip

    def remove(self, name: str) -> None:
        """Remove a user."""
        self._execute("DELETE FROM users WHERE name = ?", (name,))


class SqliteApiKeys:
    """API keys by id."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def all(self) -> list[ApiKey]:
        """All keys, ascending by name."""
        return list(map(_key, self._execute(f"{_KEY} ORDER BY name")))

    def get(self, key_id: str) -> ApiKey | None:
        """The key; None if there is no such key."""
        row = self._execute(f"{_KEY} WHERE id = ?", (key_id,)).fetchone()
        return _key(row) if row else None

    def put(self, key: ApiKey) -> None:
        """Store or replace a key."""
        scopes, classes = text_of_scopes(key.scopes), text_of_classes(key.classes)
        self._execute(
            _PUT_KEY,
            (
                key.id, key.name, key.secret_hash, scopes, key.suspended, key.created_ms, key.expires_ms,
                key.last_used_ms, classes,
            ),
        )  # fmt: skip

    def named(self, name: str) -> ApiKey | None:
        """The key with this name; None if there is no such key."""
        row = self._execute(f"{_KEY} WHERE name = ?", (name,)).fetchone()
        return _key(row) if row else None

    def remove(self, key_id: str) -> None:
        """Remove a key."""
        self._execute("DELETE FROM api_keys WHERE id = ?", (key_id,))

    def note_use(self, key_id: str, used_ms: int) -> None:
        """Store the time of a use, unless a later use is stored or the key does not exist."""
        self._execute(
            "UPDATE api_keys SET last_used_ms = max(ifnull(last_used_ms, 0), ?) WHERE id = ?",
            (used_ms, key_id),
        )


def _user(row: sqlite3.Row) -> User:
    name, password_hash, scopes, suspended, created_ms, changed_ms, classes = row
    return User(
        name=name,
        password_hash=password_hash,
        scopes=scopes_of_text(scopes),
        suspended=bool(suspended),
        created_ms=created_ms,
        changed_ms=changed_ms,
        classes=classes_of_text(classes),
    )


def _key(row: sqlite3.Row) -> ApiKey:
    key_id, name, secret_hash, scopes, suspended, created_ms, expires_ms, last_used_ms, classes = row
    return ApiKey(
        id=key_id,
        name=name,
        secret_hash=secret_hash,
        scopes=scopes_of_text(scopes),
        suspended=bool(suspended),
        created_ms=created_ms,
        expires_ms=expires_ms,
        last_used_ms=last_used_ms,
        classes=classes_of_text(classes),
    )
