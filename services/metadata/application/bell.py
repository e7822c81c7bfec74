"""Wakes those who wait for events, as soon as a change is committed."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from services.metadata.application.ports import Store, Tables

T = TypeVar("T")


class Bell:
    """Rung by whoever commits a change."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def next(self) -> asyncio.Event:
        """The next ring. Get it before looking for events, so that none is missed in between."""
        return self._next

    def ring(self) -> None:
        """Wake all who wait."""
        self._next.set()
        self._next = asyncio.Event()


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
