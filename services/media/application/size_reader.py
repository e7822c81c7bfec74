"""Reads the sizes of stored objects, and so whether they exist."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from services.media.application.ports import ObjectStorage
from services.media.domain.object import ObjectLocation
from services.shared.errors import Unavailable
from services.shared.object_size import MAX_OBJECT_BYTES

_MAX_LOGGED: Final = 1000

_log = logging.getLogger(__name__)

# The size of an object in bytes, None if it does not exist, or the error of its storage.
SizeResult = int | Unavailable | None
# Sizes by backend id and storage path.
_Sizes = Mapping[tuple[str, str], int | None]


class SizeReader:
    """Reads sizes with up to `concurrency` requests at a time; `storages` are by backend id."""

    def __init__(self, storages: Mapping[str, ObjectStorage], concurrency: int) -> None:
        self._storages = storages
        self._slots = asyncio.Semaphore(concurrency)
        # Objects with an impossible size; each is logged once.
        self._logged: set[str] = set()

    async def read(
        self, locations: Sequence[ObjectLocation], *, until: float | None = None
    ) -> Sequence[SizeResult]:
        """The result for each location, in order.

        After `until`, a time of the event loop, the results that are not there yet are Unavailable.
        """
        listed = await self._list(locations, until)
        return await asyncio.gather(*(self._checked(location, listed, until) for location in locations))

    async def _list(self, locations: Sequence[ObjectLocation], until: float | None) -> _Sizes:
        """The sizes that listings contain; the others need a request each."""
        paths: dict[str, list[str]] = defaultdict(list)
        for location in locations:
            paths[location.storage_id].append(location.storage_path)
        listed: dict[tuple[str, str], int | None] = {}
        for storage_id, paths_of_storage in paths.items():
            if (storage := self._storages.get(storage_id)) is None:
                continue
            # Ignored: a key may be allowed to read objects but not to list them, and if the storage does not
            # answer, the requests below fail too.
            with suppress(Unavailable, TimeoutError):
                async with asyncio.timeout_at(until):
                    sizes = await storage.list_sizes(paths_of_storage)
                listed |= {(storage_id, path): size for path, size in sizes.items()}
        return listed

    async def _checked(self, location: ObjectLocation, listed: _Sizes, until: float | None) -> SizeResult:
        size = await self._size(location, listed, until)
        if isinstance(size, int) and not 0 <= size <= MAX_OBJECT_BYTES:
            self._warn_once(location, size)
            return None
        return size

    def _warn_once(self, location: ObjectLocation, size: int) -> None:
        if location.object_id not in self._logged and len(self._logged) < _MAX_LOGGED:
            self._logged.add(location.object_id)
            _log.warning(
                "storage reports an impossible object size",
                extra={"bytes": size, "path": location.storage_path},
            )

    async def _size(self, location: ObjectLocation, listed: _Sizes, until: float | None) -> SizeResult:
        key = (location.storage_id, location.storage_path)
        if key in listed:
            return listed[key]
        storage = self._storages.get(location.storage_id)
        if storage is None:
            return None
        try:
            async with asyncio.timeout_at(until), self._slots:
                return await storage.size(location.storage_path)
        except Unavailable as error:
            return error
        except TimeoutError:
            return Unavailable(f"storage {location.storage_id} does not answer in time")
