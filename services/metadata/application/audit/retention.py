"""Deletes entries of the audit log that are older than their time."""

from typing import Final

from services.metadata.application.clock import Clock, moment
from services.metadata.application.ports import Store

# Entries that one transaction deletes.
SLICE: Final = 1000
# Looking for old entries is a request on some engines, so it is done rarely.
_PAUSE_NS: Final = 600 * 10**9


class Retention:
    """Keeps entries for a number of seconds."""

    def __init__(self, store: Store, clock: Clock, seconds: float) -> None:
        self._store = store
        self._clock = clock
        self._kept_ns = int(seconds * 10**9)
        self._next_ns = 0

    async def step(self) -> bool:
        """Delete a slice of old entries if it is time to look for them; True if there may be more."""
        now_ns = moment(self._clock).ns
        if now_ns < self._next_ns:
            return False
        before_ns = now_ns - self._kept_ns
        if await self._store.write(lambda tables: tables.audit.trim(before_ns, SLICE)) == SLICE:
            return True
        self._next_ns = now_ns + _PAUSE_NS
        return False
