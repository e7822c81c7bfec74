"""Replaces hashes of passwords that were computed with former parameters, beside the requests."""

import asyncio
from dataclasses import replace
from typing import Final, NamedTuple, NoReturn

from services.metadata.application.ports import Store, Tables
from services.metadata.domain.accounts.user import User
from services.shared.process.background import repeat

_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 60.0


class _Renewal(NamedTuple):
    old: str
    new: str


class Renewals:
    """The new hashes that are not stored yet. For one event loop; bounded by the number of users."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[str, _Renewal] = {}
        self._noted = asyncio.Event()

    def note(self, user: User, password_hash: str) -> None:
        """Note a new hash of the same password."""
        self._waiting[user.name] = _Renewal(user.password_hash, password_hash)
        self._noted.set()

    async def run(self) -> NoReturn:
        """Store hashes until cancelled, and try again after failures."""
        await repeat(
            "renew hashes of passwords",
            self._store_noted,
            pause_seconds=_PAUSE_SECONDS,
            longest_pause_seconds=_LONGEST_PAUSE_SECONDS,
        )

    async def _store_noted(self) -> float:
        await self._noted.wait()
        noted = dict(self._waiting)

        def change(tables: Tables) -> None:
            for name, renewal in noted.items():
                user = tables.users.get(name)
                # A password that was changed meanwhile stays.
                if user is not None and user.password_hash == renewal.old:
                    tables.users.put(replace(user, password_hash=renewal.new))

        await self._store.write(change)
        self._noted.clear()
        for name, renewal in noted.items():
            if self._waiting[name] == renewal:
                del self._waiting[name]
        if self._waiting:
            self._noted.set()
        return 0.0
