"""Deleting bytes that nobody references any more, and bytes of objects that never were registered.

The registry decides what may go and puts it out of reach first; the bytes follow. What happens in between,
a crash included, leaves claimed objects, which the registry hands out again.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Final

from services.media.application.ports import ObjectRegistry, ObjectStorage
from services.media.domain.object import Ages, ObjectLocation
from services.shared.errors import TamsError, Unavailable

BATCH: Final = 100
# The registry gives claims to others after ten minutes: a request must be over by then.
CLAIM_SECONDS: Final = 480.0
LONGEST_PAUSE_SECONDS: Final = 600.0

_log = logging.getLogger("tams.media")


class Reclaiming:
    """Deletes the bytes of claimed objects, `concurrency` at a time."""

    def __init__(
        self,
        registry: ObjectRegistry,
        storages: Mapping[str, ObjectStorage],
        ages: Ages,
        concurrency: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self._storages = storages
        self._ages = ages
        self._places = asyncio.Semaphore(concurrency)
        self._clock = clock

    async def run(self, idle_seconds: float) -> None:
        """Reclaim for ever: pause when nothing was left to do or a part is away."""
        failures = 0
        while True:
            try:
                pause = 0.0 if await self.reclaim() == BATCH else idle_seconds
                failures = 0
            except TamsError as error:
                pause = min(idle_seconds * 2**failures, LONGEST_PAUSE_SECONDS)
                failures = min(failures + 1, 16)
                _log.warning("cannot reclaim objects", extra={"reason": error.summary, "pause": pause})
            await asyncio.sleep(pause)

    async def reclaim(self) -> int:
        """One round; how many objects are gone. Unavailable when every storage refused."""
        until = self._clock() + CLAIM_SECONDS
        claimed = await self._registry.claim(self._ages, BATCH)
        if not claimed:
            return 0
        outcomes = await asyncio.gather(*(self._delete(location, until) for location in claimed))
        gone = [one.object_id for one, outcome in zip(claimed, outcomes, strict=True) if outcome is True]
        if gone:
            await self._registry.forget(gone)
            _log.info("reclaimed objects", extra={"objects": len(gone)})
        elif failed := [outcome for outcome in outcomes if isinstance(outcome, Unavailable)]:
            raise failed[0]
        return len(gone)

    async def _delete(self, location: ObjectLocation, until: float) -> bool | Unavailable:
        """Whether the bytes are gone."""
        storage = self._storages.get(location.storage_id)
        if storage is None:
            _log.warning("no such storage backend here", extra={"storage": location.storage_id})
            return False
        async with self._places:
            if self._clock() >= until:
                return False
            try:
                await storage.delete(location.storage_path)
            except Unavailable as error:
                return error
            return True
