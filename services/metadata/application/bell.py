"""Wakes those who wait for events, soon after a change is committed."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

from services.metadata.application.ports import Store, Tables

T = TypeVar("T")

# The reply to whoever rings goes out first, and changes near each other are looked for together.
HEARD_AFTER_SECONDS: Final = 0.005


class Bell:
    """Rung by whoever commits a change. Rings near each other are heard as one."""

    def __init__(self) -> None:
        self._next: asyncio.Event | None = None
        self._rung = False

    def next(self) -> asyncio.Event:
        """The next ring. Get it before looking for events, so that none is missed in between."""
        if self._next is None:
            self._next = asyncio.Event()
        return self._next

    def ring(self) -> None:
        """Wake all who wait, a little later; nothing to do while nobody asks for the next ring."""
        if self._next is not None and not self._rung:
            self._rung = True
            asyncio.get_running_loop().call_later(HEARD_AFTER_SECONDS, self._hear, self._next)

    def _hear(self, ring: asyncio.Event) -> None:
        self._next, self._rung = None, False
        ring.set()


async def wait_for(ring: asyncio.Event, seconds: float) -> None:
    """Wait for a ring, so long at most."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await ring.wait()


class Telling:
    """A store that rings when a change is committed."""

    def __init__(self, store: Store, bell: Bell) -> None:
        self._store = store
        self._bell = bell

    async def read(self, query: Callable[[Tables], T]) -> T:
        """As the store does."""
        return await self._store.read(query)

    async def scan(self, query: Callable[[Tables], T]) -> T:
        """As the store does."""
        return await self._store.scan(query)

    async def write(self, change: Callable[[Tables], T]) -> T:
        """As the store does; then ring."""
        result = await self._store.write(change)
        self._bell.ring()
        return result
