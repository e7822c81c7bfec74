"""A value that is read on demand and then kept for some seconds."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """The last value of `read`, valid for `seconds(value)`. Concurrent callers share one read."""

    def __init__(self, read: Callable[[], Awaitable[T]], seconds: Callable[[T], float]) -> None:
        self._read = read
        self._seconds = seconds
        self._valid_until = 0.0
        self._reading: asyncio.Future[T] | None = None

    async def get(self) -> T:
        """The value, read again if it is no longer valid; raises what the read raises."""
        if self._reading is None or (self._reading.done() and time.monotonic() >= self._valid_until):
            self._reading = asyncio.ensure_future(self._fresh())
        # A cancelled caller must not cancel the read of the others.
        return await asyncio.shield(self._reading)

    async def _fresh(self) -> T:
        value = await self._read()
        self._valid_until = time.monotonic() + self._seconds(value)
        return value
