"""The tables of users and API keys."""

from typing import Protocol

from services.metadata.domain.accounts.api_key import ApiKey
from services.metadata.domain.accounts.user import User


class UserTable(Protocol):
    """Users by name."""

    def all(self) -> list[User]:
        """All users, ascending by name."""
        ...

    def get(self, name: str) -> User | None:
        """The user; None if there is no such user."""
        ...

    def put(self, user: User) -> None:
        """Store or replace a user."""
        ...

    def remove(self, name: str) -> None:
        """Remove a user."""
        ...


class ApiKeyTable(Protocol):
    """API keys by id. Times are milliseconds since 1970."""

    def all(self) -> list[ApiKey]:
        """All keys, ascending by name."""
        ...

    def get(self, key_id: str) -> ApiKey | None:
        """The key; None if there is no such key."""
        ...

    def named(self, name: str) -> ApiKey | None:
        """The key with this name; None if there is no such key."""
        ...

    def put(self, key: ApiKey) -> None:
        """Store or replace a key."""
        ...

    def remove(self, key_id: str) -> None:
        """Remove a key."""
        ...

    def note_use(self, key_id: str, used_ms: int) -> None:
        """Store the time of a use, unless a later use is stored or the key does not exist."""
        ...
