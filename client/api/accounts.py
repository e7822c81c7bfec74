"""The calls for users and API keys, under `/x/users` and `/x/api-keys`. They need the scope admin."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypeAlias
from urllib.parse import quote

import msgspec

from client.api import codec
from client.api.connection import Connection

# Users or keys on a page.
_PAGE = 1000
ScopeName: TypeAlias = Literal["read", "write", "delete", "admin"]


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A user of the store."""

    name: str
    scopes: list[ScopeName]
    suspended: bool
    created: datetime
    changed: datetime
    # `*` for all; what a store of an earlier version gives.
    classes: list[str] = msgspec.field(default_factory=lambda: ["*"])


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """An API key, without its text."""

    id: str
    name: str
    scopes: list[ScopeName]
    suspended: bool
    created: datetime
    expires: datetime | None = None
    last_used: datetime | None = None
    classes: list[str] = msgspec.field(default_factory=lambda: ["*"])


class _Users(msgspec.Struct):
    users: list[User]


class _ApiKeys(msgspec.Struct):
    api_keys: list[ApiKey]


class _Text(msgspec.Struct):
    key: str


class Accounts:
    """The calls for users and API keys; Forbidden without the scope admin."""

    def __init__(self, api: Connection) -> None:
        self._api = api

    async def users(self) -> list[User]:
        """All users, ascending by name."""
        pages = self._api.pages("/x/users", {"limit": _PAGE})
        return [user async for page in pages for user in codec.decode(page.content, _Users).users]

    async def add_user(
        self,
        name: str,
        password: str,
        scopes: Sequence[ScopeName],
        classes: Sequence[str] | None = None,
    ) -> User:
        """Create a user, with all classes if they are None; InvalidRequest if there is one of this name."""
        body = {"name": name, "password": password, "scopes": list(scopes), **_classes(classes)}
        answer = await self._api.call("POST", "/x/users", body, repeatable=False)
        return codec.decode(answer.content, User)

    async def change_user(
        self, name: str, scopes: Sequence[ScopeName] | None = None, classes: Sequence[str] | None = None
    ) -> User:
        """Give a user other scopes or classes; None stays, `*` is all classes. NotFound."""
        change: dict[str, object] = {} if scopes is None else {"scopes": list(scopes)}
        return await self._change_user(name, {**change, **_classes(classes)})

    async def set_password(self, name: str, password: str) -> User:
        """Give a user another password; NotFound."""
        return await self._change_user(name, {"password": password})

    async def change_own_password(self, old: str, new: str) -> None:
        """Replace the caller's password. Forbidden if the old one is wrong or the caller is no user."""
        body = {"old_password": old, "new_password": new}
        await self._api.call("POST", "/x/users/me/password", body, repeatable=False)

    async def suspend_user(self, name: str, *, suspended: bool) -> User:
        """Suspend a user, or activate one again; NotFound."""
        return await self._change_user(name, {"suspended": suspended})

    async def remove_user(self, name: str) -> None:
        """Remove a user; NotFound."""
        await self._api.call("DELETE", _user(name), repeatable=False)

    async def keys(self) -> list[ApiKey]:
        """All API keys, ascending by name."""
        pages = self._api.pages("/x/api-keys", {"limit": _PAGE})
        return [key async for page in pages for key in codec.decode(page.content, _ApiKeys).api_keys]

    async def add_key(
        self,
        name: str,
        scopes: Sequence[ScopeName],
        expires: datetime | None = None,
        classes: Sequence[str] | None = None,
    ) -> str:
        """Create an API key, with all classes if they are None.

        Returns its text, which the store does not keep.
        """
        body = {"name": name, "scopes": list(scopes), "expires": expires, **_classes(classes)}
        answer = await self._api.call("POST", "/x/api-keys", body, repeatable=False)
        return codec.decode(answer.content, _Text).key

    async def rotate_key(self, key_id: str) -> str:
        """Give an API key a new secret; returns its new text. NotFound."""
        answer = await self._api.call("PUT", _key(key_id), {"rotate": True}, repeatable=False)
        return codec.decode(answer.content, _Text).key

    async def suspend_key(self, key_id: str, *, suspended: bool) -> ApiKey:
        """Suspend an API key, or activate it again; NotFound."""
        answer = await self._api.call("PUT", _key(key_id), {"suspended": suspended}, repeatable=True)
        return codec.decode(answer.content, ApiKey)

    async def remove_key(self, key_id: str) -> None:
        """Revoke an API key; NotFound."""
        await self._api.call("DELETE", _key(key_id), repeatable=False)

    async def _change_user(self, name: str, change: dict[str, object]) -> User:
        answer = await self._api.call("PUT", _user(name), change, repeatable=True)
        return codec.decode(answer.content, User)


def _classes(classes: Sequence[str] | None) -> dict[str, object]:
    """The member of a body; an earlier store, which does not know it, is not asked for all classes."""
    return {} if classes is None else {"classes": list(classes)}


def _user(name: str) -> str:
    return f"/x/users/{quote(name, safe='')}"


def _key(key_id: str) -> str:
    return f"/x/api-keys/{quote(key_id, safe='')}"
