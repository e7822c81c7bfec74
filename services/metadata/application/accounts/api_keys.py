"""API keys: listing, creation, rotation, suspension, removal."""

import secrets
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Final, NamedTuple

from services.metadata.application.accounts.listing import page_of
from services.metadata.application.audit.recording import record
from services.metadata.application.clock import Clock, authored_moment
from services.metadata.application.pages import Page
from services.metadata.application.ports import Store, Tables
from services.metadata.domain.accounts.api_key import (
    ID_BYTES,
    SECRET_BYTES,
    ApiKey,
    KeyParts,
    check_new_key,
    is_key_id,
)
from services.metadata.domain.accounts.classes import ALL_CLASSES, check_classes
from services.metadata.domain.accounts.scopes import check_scopes
from services.metadata.domain.audit import Facts
from services.shared.access.classes import classes_of_words, words_of
from services.shared.access.principal import Scope
from services.shared.errors import AlreadyExists, Exhausted, NotFound

# Keys are read together.
MAX_KEYS: Final = 1000
_LISTING: Final = "api_keys"


class NewKey(NamedTuple):
    """A key with its text, which is not stored and so is shown only once."""

    key: ApiKey
    text: str

    def __repr__(self) -> str:
        """The key without its text, which must not appear in a log."""
        return f"NewKey({self.key!r})"


class ApiKeys:
    """The API keys of the store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def page(self, requested_size: int, token: str) -> Page[ApiKey]:
        """A page of the keys, ascending by name. InvalidArgument BAD_PAGE_TOKEN."""
        stored = await self._store.read(lambda tables: tables.api_keys.all())
        return page_of(stored, _LISTING, lambda one: one.name, requested_size, token)

    async def get(self, key_id: str) -> ApiKey:
        """The key; NotFound KEY_NOT_FOUND."""
        return await self._store.read(lambda tables: _stored(tables, key_id))

    async def create(
        self,
        name: str,
        scopes: frozenset[Scope],
        expires_ms: int | None,
        classes: Collection[str] = ALL_CLASSES,
    ) -> NewKey:
        """Create a key, which expires at a time in milliseconds since 1970 if that is not None.

        Its classes are `*` for all. InvalidArgument BAD_KEY, BAD_SCOPES, BAD_CLASSES; AlreadyExists
        KEY_EXISTS; Exhausted TOO_MANY_KEYS.
        """
        now = authored_moment(self._clock)
        check_new_key(name, expires_ms, now.ms)
        check_scopes(scopes)
        check_classes(classes)
        parts = KeyParts(secrets.token_hex(ID_BYTES), secrets.token_hex(SECRET_BYTES))
        key = ApiKey(
            id=parts.id,
            name=name,
            secret_hash=parts.secret_hash,
            scopes=scopes,
            created_ms=now.ms,
            expires_ms=expires_ms,
            classes=classes_of_words(classes),
        )
        facts: Facts = {"id": key.id, "scopes": sorted(scopes), "classes": words_of(key.classes)}

        def insert(tables: Tables) -> None:
            others = tables.api_keys.all()
            if any(other.name == name for other in others):
                raise AlreadyExists(f"there is an API key {name}", reason="KEY_EXISTS", path="$.name")
            if len(others) >= MAX_KEYS:
                raise Exhausted(f"at most {MAX_KEYS} API keys", reason="TOO_MANY_KEYS")
            tables.api_keys.put(key)
            record(tables, now, "keys.create", key.principal.name, facts)

        await self._store.write(insert)
        return NewKey(key, parts.text)

    async def suspend(self, key_id: str, *, suspended: bool) -> ApiKey:
        """Suspend a key, or activate it again; returns it. NotFound KEY_NOT_FOUND."""
        action = "keys.suspend" if suspended else "keys.activate"
        return await self._change(action, key_id, lambda key: replace(key, suspended=suspended))

    async def rotate(self, key_id: str) -> NewKey:
        """Give a key a new secret. The former one is no longer valid. NotFound KEY_NOT_FOUND."""
        parts = KeyParts(key_id, secrets.token_hex(SECRET_BYTES))
        key = await self._change(
            "keys.rotate", key_id, lambda key: replace(key, secret_hash=parts.secret_hash)
        )
        return NewKey(key, parts.text)

    async def delete(self, key_id: str) -> None:
        """Remove a key; NotFound KEY_NOT_FOUND."""
        now = authored_moment(self._clock)

        def remove(tables: Tables) -> None:
            key = _stored(tables, key_id)
            tables.api_keys.remove(key_id)
            record(tables, now, "keys.delete", f"key:{key.name}", {"id": key_id})

        await self._store.write(remove)

    async def _change(self, action: str, key_id: str, changed: Callable[[ApiKey], ApiKey]) -> ApiKey:
        now = authored_moment(self._clock)

        def change(tables: Tables) -> ApiKey:
            after = changed(_stored(tables, key_id))
            tables.api_keys.put(after)
            record(tables, now, action, f"key:{after.name}", {"id": key_id})
            return after

        return await self._store.write(change)


def _stored(tables: Tables, key_id: str) -> ApiKey:
    key = tables.api_keys.get(key_id) if is_key_id(key_id) else None
    if key is None:
        raise NotFound("there is no such API key", reason="KEY_NOT_FOUND")
    return key
