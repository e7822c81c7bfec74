"""Counts the URLs to read objects that were signed, and gives the numbers to the registry now and then.

Whole pages of paths are counted, since clients mostly read the same pages again. They are taken apart later.
No number is given twice: one whose call failed is lost, as are those of the last seconds before a crash.
"""

import asyncio
from collections import Counter
from typing import Final, NoReturn
from urllib.parse import unquote

from services.media.application.object_counts import ObjectCounts
from services.media.application.ports import ObjectRegistry
from services.shared.process.background import repeat

# A pause collects many pages for one call. The limit bounds memory, to about 1 MB, and what the registry
# has to write.
PAUSE_SECONDS: Final = 10.0
MAX_PATHS: Final = 4000
BATCH: Final = 500
LONGEST_PAUSE_SECONDS: Final = 60.0


class AccessCounts:
    """The numbers that wait for the registry, of up to MAX_PATHS paths. Further ones are lost."""

    def __init__(self, registry: ObjectRegistry, counts: ObjectCounts | None = None) -> None:
        self._registry = registry
        self._lost = (counts or ObjectCounts()).lost_accesses
        self._pages: dict[tuple[str, bytes], int] = {}
        self._paths = 0
        # By storage id and path: what is left of pages that were taken apart.
        self._places: Counter[tuple[str, str]] = Counter()

    def add(self, storage_id: str, paths: bytes) -> None:
        """Count a URL for each path of a page, which are `url_lines`."""
        page = storage_id, paths
        number = self._pages.get(page, 0)
        if not number:
            length = paths.count(b"\n")
            if self._paths + length > MAX_PATHS:
                self._lost.add(length)
                return
            self._paths += length
        self._pages[page] = number + 1

    async def run(self) -> NoReturn:
        """Give the numbers to the registry until cancelled."""
        await asyncio.sleep(PAUSE_SECONDS)

        async def give() -> float:
            await self.give()
            return PAUSE_SECONDS

        await repeat(
            "count accesses",
            give,
            pause_seconds=PAUSE_SECONDS,
            longest_pause_seconds=LONGEST_PAUSE_SECONDS,
        )

    async def give(self) -> None:
        """Give all numbers to the registry.

        Unavailable if it does not answer: the numbers of that call are lost, and the others wait.
        """
        while self._pages:
            await asyncio.sleep(0)  # requests go on
            self._take_apart(*self._pages.popitem())
        while self._places:
            batch = dict(self._places.popitem() for _ in range(min(len(self._places), BATCH)))
            self._paths = len(self._places)
            try:
                await self._registry.add_accesses(batch)
            except BaseException:
                # The registry may have added them.
                self._lost.add(sum(batch.values()))
                raise

    def _take_apart(self, page: tuple[str, bytes], number: int) -> None:
        storage_id, paths = page
        for path in unquote(paths.decode()).splitlines():
            self._places[storage_id, path] += number
