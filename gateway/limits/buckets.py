"""Token buckets (the generic cell rate algorithm): a rate on average, and a number of requests at once."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

SECOND: Final = 1_000_000_000
# Beyond these, the key that has not been used for the longest time is forgotten. Its bucket is then full.
MAX_KEYS: Final = 16_384


class Buckets:
    """A bucket of `burst` tokens for each key. A new token comes each `1 / rate` seconds.

    The only record of a bucket is the time at which it is full again; full buckets have none.
    """

    def __init__(
        self,
        rate: float,
        burst: int,
        clock: Callable[[], int] = time.monotonic_ns,
        max_keys: int = MAX_KEYS,
    ) -> None:
        """`rate` is in tokens per second, `clock` in nanoseconds."""
        self.limit = (rate, burst)
        self._token_ns = max(1, round(SECOND / rate))
        # A bucket that is full again later than this has no token.
        self._latest_ns = self._token_ns * (burst - 1)
        self._clock = clock
        self._max_keys = max_keys
        self._full_at: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def wait(self, key: str) -> int:
        """Nanoseconds until the bucket has a token; 0 if it has one."""
        full_at = self._full_at.get(key)
        if full_at is None:
            return 0
        left = full_at - self._clock()
        if left <= 0:
            del self._full_at[key]
            return 0
        self._full_at.move_to_end(key)
        return max(0, left - self._latest_ns)

    def take(self, key: str) -> int:
        """Take a token and return 0. If the bucket has none, return the nanoseconds until it has one."""
        if (wait := self.wait(key)) > 0:
            return wait
        self._full_at[key] = max(self._full_at.get(key, 0), self._clock()) + self._token_ns
        if len(self._full_at) > self._max_keys:
            self._full_at.popitem(last=False)
        return 0
