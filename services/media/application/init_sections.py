"""Reads the initialization sections of objects in fragmented MP4, for playlists."""

import asyncio
from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import Final
from urllib.parse import unquote

from services.media.application.ports import HeadStorage
from services.media.domain.init_section import InitSection, NotFragmentedError, find_init_section
from services.media.domain.storage_path import check_paths
from services.shared.errors import InvalidArgument, Unavailable

MAX_OBJECTS: Final = 1000
# Enough for most sections: that of picture and sound has less than 2 kB.
_HEAD_BYTES: Final = 4096
# The time limit for storage, and the additional time for each object. Together less than callers wait.
_SECONDS: Final = 5.0
_SECONDS_EACH: Final = 0.004
_CONCURRENCY: Final = 16


class NoSection(Enum):
    """Why no initialization section was read."""

    MISSING = auto()  # the bytes are not in storage
    NOT_FRAGMENTED = auto()  # the object is of another form
    UNREACHABLE = auto()  # the storage does not answer
    ELSEWHERE = auto()  # the backend is not one of this deployment


class InitSections:
    """Reads sections on the backends with these ids, with a bounded number of requests at a time."""

    def __init__(self, storages: Mapping[str, HeadStorage]) -> None:
        self._storages = storages
        self._slots = asyncio.Semaphore(_CONCURRENCY)

    async def read(self, objects: Sequence[tuple[str, bytes]]) -> list[InitSection | NoSection]:
        """The section of each object, for pairs of a backend id and the `url_lines` of paths, in order.

        InvalidArgument for a path that is not a valid key or not percent-encoded, or more than MAX_OBJECTS.
        """
        count = sum(paths.count(b"\n") for _, paths in objects)
        if count > MAX_OBJECTS:
            raise InvalidArgument(f"give at most {MAX_OBJECTS} paths", reason="TOO_MANY_ITEMS")
        for _, paths in objects:
            check_paths(paths)
        until = asyncio.get_running_loop().time() + _SECONDS + _SECONDS_EACH * count
        return await asyncio.gather(
            *(
                self._section(storage_id, unquote(line), until)
                for storage_id, paths in objects
                for line in paths.decode().splitlines()
            )
        )

    async def _section(self, storage_id: str, path: str, until: float) -> InitSection | NoSection:
        if (storage := self._storages.get(storage_id)) is None:
            return NoSection.ELSEWHERE
        try:
            async with asyncio.timeout_at(until), self._slots:
                return await _read(storage, path)
        except NotFragmentedError:
            return NoSection.NOT_FRAGMENTED
        except (Unavailable, TimeoutError):
            return NoSection.UNREACHABLE


async def _read(storage: HeadStorage, path: str) -> InitSection | NoSection:
    """The section; a longer one is read again as a whole. Raises NotFragmentedError and Unavailable."""
    length = _HEAD_BYTES
    while (head := await storage.read(path, length)) is not None:
        found = find_init_section(head.content, head.object_size)
        if isinstance(found, InitSection):
            return found
        if found <= length:  # the object is shorter than it says
            raise NotFragmentedError
        length = found
    return NoSection.MISSING
