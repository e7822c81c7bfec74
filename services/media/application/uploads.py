"""Checks whether objects were uploaded, before segments that use them are registered."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import Final

from services.media.application.ports import ObjectRegistry
from services.media.application.recent_objects import RecentObjects
from services.media.application.size_reader import SizeReader, SizeResult
from services.media.application.size_recorder import SizeRecorder
from services.media.domain.object import LocatedObject, ObjectLocation
from services.shared.access import caller
from services.shared.errors import InvalidArgument, Unavailable

MAX_OBJECTS: Final = 10_000
# The most objects that the registry locates in one call.
_SLICE: Final = 1000
# The time limit for storage, and the additional time for each object. Together less than callers wait.
_SECONDS: Final = 5.0
_SECONDS_EACH: Final = 0.004


class Presence(Enum):
    """The presence of the bytes of an object in storage."""

    STORED = auto()
    MISSING = auto()
    ELSEWHERE = auto()  # not in the storage of this deployment
    UNREACHABLE = auto()  # the storage does not answer


class Uploads:
    """Checks the presence of objects on the backends with these `storage_ids`.

    It reads storage only for objects whose presence is not known.
    """

    def __init__(
        self,
        registry: ObjectRegistry,
        reader: SizeReader,
        recent: RecentObjects,
        size_recorder: SizeRecorder,
        storage_ids: Collection[str],
    ) -> None:
        self._registry = registry
        self._reader = reader
        self._recent = recent
        self._size_recorder = size_recorder
        self._storage_ids = storage_ids

    async def look_for(self, object_ids: Sequence[str]) -> list[Presence]:
        """The presence of each object, in order; ELSEWHERE for those that the caller does not see.

        InvalidArgument TOO_MANY_ITEMS for more than MAX_OBJECTS. Unavailable if the registry does not answer.
        """
        if len(object_ids) > MAX_OBJECTS:
            raise InvalidArgument(f"give at most {MAX_OBJECTS} object ids", reason="TOO_MANY_ITEMS")
        until = asyncio.get_running_loop().time() + _SECONDS + _SECONDS_EACH * len(object_ids)
        distinct = dict.fromkeys(object_ids)
        # What is remembered here may belong to others; the registry knows what this caller sees.
        remembered = distinct if caller.principal.get().classes is None else ()
        presences = {
            object_id: Presence.STORED for object_id in remembered if self._recent.is_stored(object_id)
        }
        expected = [
            location
            for object_id in remembered
            if (location := self._recent.expected_location(object_id)) is not None
        ]
        read = await self._read(expected, until)
        # An object that is not at its expected location may have been allocated again meanwhile.
        presences |= {
            object_id: presence for object_id, presence in read.items() if presence is not Presence.MISSING
        }
        remaining = [object_id for object_id in distinct if object_id not in presences]
        if remaining:
            presences |= await self._ask_registry(remaining, expected, until)
        return [presences[object_id] for object_id in object_ids]

    async def _ask_registry(
        self, object_ids: Sequence[str], empty: Collection[ObjectLocation], until: float
    ) -> dict[str, Presence]:
        """The presence of objects at the locations in the registry; `empty` locations were read before."""
        located = await self._locate(object_ids)
        presences = dict.fromkeys(object_ids, Presence.ELSEWHERE)
        unread: list[ObjectLocation] = []
        empty_locations = set(empty)
        for location, size in located.values():
            if size is not None:
                presences[location.object_id] = Presence.STORED
                self._recent.mark_stored(location.object_id)
            elif location in empty_locations:
                presences[location.object_id] = Presence.MISSING
            elif location.storage_id in self._storage_ids:
                unread.append(location)
        return presences | await self._read(unread, until)

    async def _locate(self, object_ids: Sequence[str]) -> Mapping[str, LocatedObject]:
        located: dict[str, LocatedObject] = {}
        for first in range(0, len(object_ids), _SLICE):
            objects = await self._registry.locate(object_ids[first : first + _SLICE])
            located |= {each.location.object_id: each for each in objects}
        return located

    async def _read(self, locations: Sequence[ObjectLocation], until: float) -> dict[str, Presence]:
        if not locations:
            return {}
        results = list(zip(locations, await self._reader.read(locations, until=until), strict=True))
        self._remember(results)
        return {location.object_id: _presence(result) for location, result in results}

    def _remember(self, results: Iterable[tuple[ObjectLocation, SizeResult]]) -> None:
        for location, result in results:
            if isinstance(result, int):
                self._recent.mark_stored(location.object_id)
                self._size_recorder.add(location, result)


def _presence(result: SizeResult) -> Presence:
    if isinstance(result, Unavailable):
        return Presence.UNREACHABLE
    return Presence.MISSING if result is None else Presence.STORED
