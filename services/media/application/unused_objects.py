"""Shows the objects whose bytes are to be deleted, and deletes them when an operator asks."""

import asyncio
import time
from collections.abc import Callable, Collection
from typing import Final, NamedTuple

from services.media.application.ports import ObjectRegistry
from services.media.application.reclamation import BATCH, Reclamation
from services.media.application.size_reader import SizeReader
from services.media.domain.object import Ages, UnusedObject, UnusedPage
from services.shared.errors import Exhausted, Unavailable

# A call begins up to this many rounds, and none after these seconds. A round begins deletions for as long,
# so that a call ends within the minute for which gateways wait.
MAX_ROUNDS: Final = 10
ROUNDS_SECONDS: Final = 20.0
# For the sizes of a page. Those that are not there by then stay unknown.
_SIZES_SECONDS: Final = 10.0


class Reclaimed(NamedTuple):
    """The objects whose bytes were deleted, those that failed, and whether nothing more is due."""

    deleted: int
    failed: int
    complete: bool


class UnusedObjects:
    """Lists unused objects, and reclaims them in one call at a time; `storage_ids` are of this deployment."""

    def __init__(
        self,
        registry: ObjectRegistry,
        reclamation: Reclamation,
        reader: SizeReader,
        storage_ids: Collection[str],
        ages: Ages,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self._reclamation = reclamation
        self._reader = reader
        self._storage_ids = storage_ids
        self._ages = ages
        self._clock = clock
        self._reclaiming = asyncio.Lock()

    async def page(self, page_size: int, page_token: str) -> UnusedPage:
        """A page of the objects that the next rounds would delete, in their order.

        Missing bytes have the size 0. InvalidArgument BAD_PAGE_TOKEN.
        """
        page = await self._registry.list_unused(self._ages, page_size, page_token)
        unknown = [one for one in page.objects if one.size is None and self._is_here(one)]
        until = asyncio.get_running_loop().time() + _SIZES_SECONDS
        read = await self._reader.read([one.location for one in unknown], until=until)
        sizes = {
            one.location.object_id: size or 0
            for one, size in zip(unknown, read, strict=True)
            if not isinstance(size, Unavailable)
        }
        objects = [one._replace(size=sizes.get(one.location.object_id, one.size)) for one in page.objects]
        return page._replace(objects=objects)

    async def reclaim(self) -> Reclaimed:
        """Run rounds until nothing is due, a round deletes nothing, or a bound is reached.

        Exhausted ALREADY_RECLAIMING while another call does so. Unavailable STORAGE_UNAVAILABLE if the
        circuits of all storages are open.
        """
        if self._reclaiming.locked():
            raise Exhausted("another call reclaims objects; try again later", reason="ALREADY_RECLAIMING")
        async with self._reclaiming:
            return await self._run_rounds()

    async def _run_rounds(self) -> Reclaimed:
        end, deleted, failed = self._clock() + ROUNDS_SECONDS, 0, 0
        for _ in range(MAX_ROUNDS):
            done = await self._reclamation.reclaim(ROUNDS_SECONDS)
            deleted, failed = deleted + done.deleted, failed + done.claimed - done.deleted
            if done.claimed < BATCH:
                return Reclaimed(deleted, failed, complete=True)
            # Without a deletion, another round would only claim more objects for a storage that fails.
            if not done.deleted or self._clock() >= end:
                break
        return Reclaimed(deleted, failed, complete=False)

    def _is_here(self, one: UnusedObject) -> bool:
        return one.location.storage_id in self._storage_ids
