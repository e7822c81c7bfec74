"""Limits of concurrent work for all subscribers together."""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Final

# Concurrent pulls, for working subscribers and for new or failing ones. Few, because each may hold a page,
# and because the event loop of gRPC handles completions one at a time if hundreds wait.
_PULLS: Final = 24
_TRIAL_PULLS: Final = 8
_ACKNOWLEDGEMENTS: Final = 16
# Concurrent attempts of failing subscribers. An attempt without an answer lasts for its whole time-out.
_FAILING: Final = 100
# Concurrent attempts beyond the one that each working subscriber always has.
_EXTRA: Final = 128


class Limits:
    """Separate limits for working, new and failing subscribers, so that none waits for another kind.

    The process makes at most two attempts at a time for each subscriber, one in its rounds and one for a
    lagging key, and `extra` more.
    """

    def __init__(self, *, failing: int = _FAILING, extra: int = _EXTRA) -> None:
        self.failing = asyncio.Semaphore(failing)
        self.acknowledging = asyncio.Semaphore(_ACKNOWLEDGEMENTS)
        self._pulls = asyncio.Semaphore(_PULLS)
        self._trial_pulls = asyncio.Semaphore(_TRIAL_PULLS)
        self._extra = extra

    def pulling(self, *, working: bool) -> AbstractAsyncContextManager[None]:
        """Waits for its turn to pull from the outbox."""
        return self._pulls if working else self._trial_pulls

    @contextmanager
    def extra_attempts(self, count: int) -> Iterator[int]:
        """Reserves up to `count` extra attempts and yields how many are free, without waiting."""
        reserved = min(count, self._extra)
        self._extra -= reserved
        try:
            yield reserved
        finally:
            self._extra += reserved
