"""Deletes the bytes of objects that no segment references any more, or that were never registered.

The registry selects the objects and claims them first, so that no segment can use them; then the bytes are
deleted. After a crash in between the objects stay claimed, and the registry returns them again later.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from os.path import commonprefix
from typing import Final, NamedTuple

from services.media.application.copying.ports import CopyRegistry
from services.media.application.object_counts import ObjectCounts
from services.media.application.ports import MultipartStorage, ObjectRegistry, ObjectStorage
from services.media.domain.circuit import Circuit, check_any
from services.media.domain.object import Ages, ObjectLocation
from services.shared.errors import Unavailable
from services.shared.process.background import repeat

BATCH: Final = 100
# The registry gives a claim to others after ten minutes. All requests for it must have ended before.
CLAIM_SECONDS: Final = 480.0
LONGEST_PAUSE_SECONDS: Final = 600.0

# Copies are retired long before they are deleted, and each look for them takes five requests to the tables.
_ROUNDS_FOR_COPIES: Final = 10
_log = logging.getLogger(__name__)


class Round(NamedTuple):
    """Numbers of the objects that a round claimed and deleted, and the error if all storages failed."""

    claimed: int
    deleted: int
    fault: Unavailable | None = None


class Reclamation:
    """Deletes the bytes of claimed objects, `concurrency` at a time."""

    def __init__(
        self,
        registry: ObjectRegistry,
        storages: Mapping[str, ObjectStorage],
        ages: Ages,
        concurrency: int,
        *,
        multipart: Mapping[str, MultipartStorage] | None = None,
        circuits: Collection[Circuit] = (),
        clock: Callable[[], float] = time.monotonic,
        counts: ObjectCounts | None = None,
        copies: CopyRegistry | None = None,
        retired_seconds: int = 0,
    ) -> None:
        """`retired_seconds` after a copy was retired, no URL leads to it any more."""
        self._copies = copies
        self._retired_seconds = retired_seconds
        self._counts = counts or ObjectCounts()
        self._registry = registry
        self._storages = storages
        self._multipart = multipart or {}
        self._circuits = circuits
        self._ages = ages
        self._slots = asyncio.Semaphore(concurrency)
        self._clock = clock
        # Storages whose uploads cannot be listed; each is logged once.
        self._logged: set[str] = set()

    async def run(self, idle_seconds: float) -> None:
        """Reclaim until cancelled.

        Pauses for `idle_seconds` if no full batch was left, and for growing times after a failed round.
        """
        until_copies = 0

        async def reclaim() -> float:
            nonlocal until_copies
            done = await self.reclaim(copies=until_copies == 0)
            if done.fault is not None:
                raise done.fault
            if done.deleted == BATCH:
                return 0.0
            until_copies = (until_copies or _ROUNDS_FOR_COPIES) - 1
            return idle_seconds

        await repeat(
            "reclaim objects",
            reclaim,
            pause_seconds=idle_seconds,
            longest_pause_seconds=LONGEST_PAUSE_SECONDS,
        )

    async def reclaim(self, seconds: float = CLAIM_SECONDS, *, copies: bool = True) -> Round:
        """Run one round with up to BATCH objects and, if asked for, retired copies.

        It begins deletions for up to `seconds`. Unavailable STORAGE_UNAVAILABLE, and nothing is claimed, if
        the circuits of all storages are open.
        """
        # A claim that comes to nothing keeps its objects from the next rounds for ten minutes.
        check_any(self._circuits)
        until = self._clock() + seconds
        done = await self._reclaim_objects(until)
        if not copies:
            return done
        more = await self._reclaim_copies(BATCH - done.claimed, until)
        return Round(done.claimed + more.claimed, done.deleted + more.deleted, done.fault or more.fault)

    async def _reclaim_objects(self, until: float) -> Round:
        claimed = await self._registry.claim(self._ages, BATCH)
        if not claimed:
            return Round(0, 0)
        await self._abort_uploads(claimed)
        results = await asyncio.gather(*(self._delete(location, until) for location in claimed))
        # An object goes when all of its copies are gone.
        kept = {each.object_id for each, done in zip(claimed, results, strict=True) if done is not True}
        objects = dict.fromkeys(location.object_id for location in claimed)
        deleted = [object_id for object_id in objects if object_id not in kept]
        if deleted:
            await self._registry.forget(deleted)
            self._counts.reclaimed.add(len(deleted))
            _log.info("reclaimed objects", extra={"objects": len(deleted)})
        faults = [result for result in results if isinstance(result, Unavailable)]
        return Round(len(objects), len(deleted), faults[0] if faults and not deleted else None)

    async def _reclaim_copies(self, limit: int, until: float) -> Round:
        """The same for retired copies of objects that stay."""
        if self._copies is None or limit <= 0:
            return Round(0, 0)
        claimed = await self._copies.claim(self._retired_seconds, limit)
        if not claimed:
            return Round(0, 0)
        await self._abort_uploads(claimed)
        results = await asyncio.gather(*(self._delete(location, until) for location in claimed))
        deleted = [location for location, done in zip(claimed, results, strict=True) if done is True]
        if deleted:
            await self._copies.forget(deleted)
            _log.info("reclaimed copies", extra={"copies": len(deleted)})
        faults = [result for result in results if isinstance(result, Unavailable)]
        return Round(len(claimed), len(deleted), faults[0] if faults and not deleted else None)

    async def _abort_uploads(self, claimed: Sequence[ObjectLocation]) -> None:
        """End the open uploads of claimed objects, which would make the bytes after they are deleted.

        An upload that begins later is refused when it is completed, because its object is claimed.
        """
        for storage_id, storage in self._multipart.items():
            paths = [location.storage_path for location in claimed if location.storage_id == storage_id]
            if not paths:
                continue
            try:
                for upload in await storage.uploads(commonprefix(paths)):  # noqa: RUF071 - keys share any characters
                    if upload.path in paths:
                        await storage.abort(upload.path, upload.id)
            except Unavailable as error:
                # A key without the right to list uploads must not stop the deletion.
                self._warn_once(storage_id, error)

    def _warn_once(self, storage_id: str, error: Unavailable) -> None:
        if storage_id not in self._logged:
            self._logged.add(storage_id)
            _log.warning("cannot list uploads", extra={"storage": storage_id, "reason": error.summary})

    async def _delete(self, location: ObjectLocation, until: float) -> bool | Unavailable:
        """True if the bytes are deleted, False if it was not tried, or the error of the storage."""
        storage = self._storages.get(location.storage_id)
        if storage is None:
            _log.warning("the storage backend is not configured", extra={"storage": location.storage_id})
            return False
        async with self._slots:
            if self._clock() >= until:
                return False
            try:
                await storage.delete(location.storage_path)
            except Unavailable as error:
                return error
            return True
