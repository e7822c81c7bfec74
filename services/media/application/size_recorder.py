"""Records sizes that requests have read, so that they need not be read again."""

import asyncio
import logging
from typing import Final

from services.media.application.object_counts import ObjectCounts
from services.media.application.ports import ObjectRegistry
from services.media.domain.object import ObjectLocation, ObjectSize
from services.shared.errors import TamsError

BATCH: Final = 1000
MAX_WAITING: Final = 20_000
# A pause collects many sizes for one call. It is short: other processes may read unrecorded sizes again.
PAUSE_SECONDS: Final = 0.1

_log = logging.getLogger(__name__)


class SizeRecorder:
    """Writes sizes to the registry in the background. A size that is lost is measured again later."""

    def __init__(self, registry: ObjectRegistry, counts: ObjectCounts | None = None) -> None:
        self._registry = registry
        self._counts = counts or ObjectCounts()
        self._waiting: dict[ObjectLocation, int] = {}
        self._some_wait = asyncio.Event()

    def add(self, location: ObjectLocation, size: int) -> None:
        """Record the size of an object in bytes soon; drops it if too many wait."""
        if len(self._waiting) < MAX_WAITING:
            self._waiting[location] = size
            self._some_wait.set()

    async def run(self) -> None:
        """Record sizes until cancelled."""
        while True:
            await self._some_wait.wait()
            await asyncio.sleep(PAUSE_SECONDS)
            await self._record()

    async def _record(self) -> None:
        items = [self._waiting.popitem() for _ in range(min(len(self._waiting), BATCH))]
        if not self._waiting:
            self._some_wait.clear()
        try:
            await self._registry.record_sizes([ObjectSize(each.object_id, size) for each, size in items])
        except TamsError as error:
            _log.warning("cannot record sizes", extra={"reason": error.summary, "objects": len(items)})
        else:
            self._counts.add_measured(items)
