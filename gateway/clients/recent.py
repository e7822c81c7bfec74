"""Values that are read on demand and then kept for some seconds."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
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


class RecentByKey(Generic[K, T]):
    """The last value of each key, valid for `seconds`. Concurrent callers of a key share one read.

    Beyond `most` keys, the key that was not asked for the longest is forgotten.
    """

    def __init__(self, seconds: float, most: int) -> None:
        self._seconds = seconds
        self._most = most
        self._values: OrderedDict[K, Recent[T]] = OrderedDict()

    async def get(self, key: K, read: Callable[[], Awaitable[T]]) -> T:
        """The value of a key; raises what the read raises. The first `read` of a key is used again."""
        recent = self._values.get(key)
        if recent is None:
            recent = self._values[key] = Recent(read, lambda _: self._seconds)
            if len(self._values) > self._most:
                self._values.popitem(last=False)
        else:
            self._values.move_to_end(key)
        return await recent.get()
