"""Learning the size of stored objects: clients PUT bytes straight to storage, so somebody must look."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from services.media.application.ports import ObjectRegistry, ObjectStorage
from services.media.domain.object import ObjectLocation, ObjectSize
from services.shared.errors import TamsError, Unavailable

BATCH: Final = 500
LONGEST_PAUSE_SECONDS: Final = 60.0

_log = logging.getLogger("tams.media")


class Measuring:
    """Looks at objects that the registry wants measured, `concurrency` at a time."""

    def __init__(
        self, registry: ObjectRegistry, storages: Mapping[str, ObjectStorage], concurrency: int
    ) -> None:
        self._registry = registry
        self._storages = storages
        self._places = asyncio.Semaphore(concurrency)

    async def run(self, busy_seconds: float, idle_seconds: float) -> None:
        """Measure for ever: pause between rounds, longer when nothing was due or a part is away."""
        failures = 0
        while True:
            try:
                pause = busy_seconds if await self.measure() else idle_seconds
                failures = 0
            except TamsError as error:
                pause = min(busy_seconds * 2**failures, LONGEST_PAUSE_SECONDS)
                failures = min(failures + 1, 16)
                _log.warning("cannot measure objects", extra={"reason": error.summary, "pause": pause})
            await asyncio.sleep(pause)

    async def measure(self) -> int:
        """One round; how many objects were looked at. Unavailable when no storage answered."""
        locations = await self._registry.unmeasured(BATCH)
        if not locations:
            return 0
        listed = await self._listed(locations)
        found = await asyncio.gather(*(self._look(location, listed) for location in locations))
        await self._registry.record_sizes(_answers(locations, found))
        return len(locations)

    async def _listed(self, locations: Sequence[ObjectLocation]) -> dict[tuple[str, str], int | None]:
        """The sizes that listings tell, by backend and path; the others are looked at one by one."""
        paths: dict[str, list[str]] = defaultdict(list)
        for location in locations:
            paths[location.storage_id].append(location.storage_path)
        found: dict[tuple[str, str], int | None] = {}
        for storage_id, of_one in paths.items():
            if (storage := self._storages.get(storage_id)) is None:
                continue
            # Keys that may read objects may not always list them; a backend that is away tells so below.
            with suppress(Unavailable):
                sizes = await storage.listed(of_one)
                found |= {(storage_id, path): size for path, size in sizes.items()}
        return found

    async def _look(
        self, location: ObjectLocation, listed: Mapping[tuple[str, str], int | None]
    ) -> int | Unavailable | None:
        place = (location.storage_id, location.storage_path)
        if place in listed:
            return listed[place]
        storage = self._storages.get(location.storage_id)
        if storage is None:
            return None
        async with self._places:
            try:
                return await storage.size(location.storage_path)
            except Unavailable as error:
                return error


def _answers(
    locations: Sequence[ObjectLocation], found: Sequence[int | Unavailable | None]
) -> list[ObjectSize]:
    """What to record. An object behind a failing backend counts as not there yet, so that it gives way
    to the others; when nothing could be seen, nothing is said."""
    failed = [size for size in found if isinstance(size, Unavailable)]
    if failed and len(failed) == len(found):
        raise failed[0]
    return [
        ObjectSize(location.object_id, None if isinstance(size, Unavailable) else size)
        for location, size in zip(locations, found, strict=True)
    ]
