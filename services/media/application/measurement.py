"""Measures stored objects in the background, because clients PUT their bytes directly to storage."""

from collections.abc import Sequence
from typing import Final

from services.media.application.object_counts import ObjectCounts
from services.media.application.ports import ObjectRegistry
from services.media.application.size_reader import SizeReader, SizeResult
from services.media.domain.object import ObjectLocation, ObjectSize
from services.shared.errors import Unavailable
from services.shared.process.background import repeat

BATCH: Final = 500
LONGEST_PAUSE_SECONDS: Final = 60.0


class Measurement:
    """Reads the sizes of objects that are due in the registry, and records them."""

    def __init__(
        self, registry: ObjectRegistry, reader: SizeReader, counts: ObjectCounts | None = None
    ) -> None:
        self._counts = counts or ObjectCounts()
        self._registry = registry
        self._reader = reader

    async def run(self, busy_seconds: float, idle_seconds: float) -> None:
        """Measure until cancelled.

        Pauses for `busy_seconds` after a round with work, for `idle_seconds` after one without, and for
        growing times after a failed round.
        """

        async def measure() -> float:
            return busy_seconds if await self.measure() else idle_seconds

        await repeat(
            "measure objects",
            measure,
            pause_seconds=busy_seconds,
            longest_pause_seconds=LONGEST_PAUSE_SECONDS,
        )

    async def measure(self) -> int:
        """Run one round; returns the number of objects. Unavailable if no storage answered."""
        locations = await self._registry.list_unmeasured(BATCH)
        if not locations:
            return 0
        results = await self._reader.read(locations)
        sizes = _sizes(locations, results)
        await self._registry.record_sizes(sizes)
        self._counts.add_measured(zip(locations, (each.size for each in sizes), strict=True))
        return len(locations)


def _sizes(locations: Sequence[ObjectLocation], results: Sequence[SizeResult]) -> list[ObjectSize]:
    """The sizes to record. Unavailable if all results are.

    An object on a failing backend is recorded as missing, so that it is due again later and does not block
    others.
    """
    failed = [result for result in results if isinstance(result, Unavailable)]
    if failed and len(failed) == len(results):
        raise failed[0]
    return [
        ObjectSize(location.object_id, None if isinstance(result, Unavailable) else result)
        for location, result in zip(locations, results, strict=True)
    ]
