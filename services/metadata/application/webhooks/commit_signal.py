"""Wakes calls that wait for events, soon after a change is committed."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

from services.metadata.application.ports import Store, Tables
from services.shared.errors import Unavailable

T = TypeVar("T")

# The caller's reply is sent first, and changes that follow each other quickly wake waiters once.
DELAY_SECONDS: Final = 0.005


class CommitSignal:
    """Set after each commit. Commits within `DELAY_SECONDS` set it once."""

    def __init__(self) -> None:
        self._next: asyncio.Event | None = None
        self._scheduled = False

    def next(self) -> asyncio.Event:
        """The event of the next commit. Get it before the query for events, so that no commit is missed."""
        if self._next is None:
            self._next = asyncio.Event()
        return self._next

    def set(self) -> None:
        """Wake all waiters after `DELAY_SECONDS`, if there are any."""
        if self._next is not None and not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_later(DELAY_SECONDS, self._wake, self._next)

    def _wake(self, event: asyncio.Event) -> None:
        self._next, self._scheduled = None, False
        event.set()


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Wait until the event is set, `seconds` at most."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


class NotifyingStore:
    """A store that sets the signal after each change."""

    def __init__(self, store: Store, committed: CommitSignal) -> None:
        self._store = store
        self._committed = committed

    async def read(self, query: Callable[[Tables], T]) -> T:
        """The result of a short query."""
        return await self._store.read(query)

    async def probe(self) -> None:
        """Read a row from the database, not from a cache. Unavailable if that fails."""
        await self._store.probe()

    async def scan(self, query: Callable[[Tables], T]) -> T:
        """The result of a query that may read many rows."""
        return await self._store.scan(query)

    async def write(self, change: Callable[[Tables], T]) -> T:
        """The result of a change. Sets the signal if the change was committed, or may have been."""
        try:
            result = await self._store.write(change)
        except Unavailable:
            self._committed.set()
            raise
        self._committed.set()
        return result
