"""Takes notifications of object storage that objects were stored, so that nobody has to look for them."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from services.media.application.ports import ObjectRegistry
from services.media.application.recent_objects import RecentObjects
from services.media.application.size_recorder import SizeRecorder
from services.media.domain.object import ObjectLocation
from services.media.domain.storage_backend import StorageBackends
from services.media.domain.storage_path import object_id_of
from services.shared.object_size import MAX_OBJECT_BYTES

# The objects that the registry locates in one call.
MAX_NOTICES: Final = 1000


class StoredNotice(NamedTuple):
    """An object that was stored: its bucket, its key, and its size in bytes."""

    bucket: str
    key: str
    size: int


class Notifications:
    """Notes objects of this store as stored, and records their sizes. It ignores all others."""

    def __init__(
        self,
        backends: StorageBackends,
        registry: ObjectRegistry,
        recent: RecentObjects,
        size_recorder: SizeRecorder,
    ) -> None:
        self._backends = backends
        self._registry = registry
        self._recent = recent
        self._size_recorder = size_recorder

    async def note(self, notices: Sequence[StoredNotice]) -> int:
        """Note up to MAX_NOTICES objects; returns the number of those that are new here.

        Unavailable if the registry does not answer. It may be repeated.
        """
        found = {
            location: notice.size
            for notice in notices
            if 0 <= notice.size <= MAX_OBJECT_BYTES
            for location in self._locations(notice)
            if not self._recent.is_stored(location.object_id)
        }
        expected = {each for each in found if self._recent.expected_location(each.object_id) == each}
        unknown = [each.object_id for each in found if each not in expected]
        # A key says which object it could be; the registry knows whether it is.
        located = await self._registry.locate(unknown) if unknown else []
        expected |= {each.location for each in located if each.location in found}
        for location in expected:
            self._recent.mark_stored(location.object_id)
            self._size_recorder.add(location, found[location])
        return len(expected)

    def _locations(self, notice: StoredNotice) -> Iterator[ObjectLocation]:
        for backend in self._backends:
            if backend.bucket == notice.bucket and notice.key.startswith(backend.prefix):
                object_id = object_id_of(notice.key)
                if object_id is not None:
                    yield ObjectLocation(object_id, backend.id, notice.key)
