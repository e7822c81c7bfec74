"""Records when API keys were last used: beside the requests, and at most once a minute for each key."""

import asyncio
from typing import Final, NoReturn

from services.metadata.application.ports import Store, Tables
from services.metadata.domain.accounts.api_key import ApiKey
from services.shared.process.background import repeat

EVERY_MS: Final = 60_000
_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 60.0


class LastUses:
    """The uses that are not stored yet. For one event loop; bounded by the number of keys."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[str, int] = {}
        self._noted = asyncio.Event()

    def note(self, key: ApiKey, now_ms: int) -> None:
        """Note a use of a key, as it was just read, unless a use of the last minute is stored."""
        if key.last_used_ms is None or now_ms - key.last_used_ms >= EVERY_MS:
            self._waiting.setdefault(key.id, now_ms)
            self._noted.set()

    async def run(self) -> NoReturn:
        """Store uses until cancelled, and try again after failures."""
        await repeat(
            "record uses of API keys",
            self._store_noted,
            pause_seconds=_PAUSE_SECONDS,
            longest_pause_seconds=_LONGEST_PAUSE_SECONDS,
        )

    async def _store_noted(self) -> float:
        await self._noted.wait()
        uses = dict(self._waiting)

        def change(tables: Tables) -> None:
            for key_id, used_ms in uses.items():
                tables.api_keys.note_use(key_id, used_ms)

        await self._store.write(change)
        self._noted.clear()
        for key_id in uses:
            del self._waiting[key_id]
        if self._waiting:
            self._noted.set()
        return 0.0
