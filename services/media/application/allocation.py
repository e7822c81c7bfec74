"""Allocation of new objects (TAMS 7.0, POST /flows/{flowId}/storage)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from services.media.application.object_counts import ObjectCounts
from services.media.application.ports import Clock, NewObjectId, ObjectRegistry
from services.media.application.recent_objects import RecentObjects
from services.media.application.signer import Signer
from services.media.domain.object import AllocatedObject, ObjectLocation
from services.media.domain.storage_backend import StorageBackend, StorageBackends
from services.media.domain.storage_path import storage_path
from services.shared.errors import InvalidArgument

MAX_OBJECTS: Final = 1000
DEFAULT_OBJECTS: Final = 10


class Allocation:
    """Chooses the ids and paths of new objects, reserves them, and signs the URLs to upload them."""

    def __init__(
        self,
        backends: StorageBackends,
        registry: ObjectRegistry,
        signer: Signer,
        recent: RecentObjects,
        *,
        clock: Clock,
        new_object_id: NewObjectId,
        counts: ObjectCounts | None = None,
    ) -> None:
        self._counts = counts or ObjectCounts()
        self._backends = backends
        self._registry = registry
        self._signer = signer
        self._recent = recent
        self._clock = clock
        self._new_object_id = new_object_id

    async def allocate(
        self,
        flow_id: str,
        *,
        limit: int | None = None,
        object_ids: Sequence[str] | None = None,
        storage_id: str | None = None,
    ) -> list[AllocatedObject]:
        """Allocate `limit` objects with new ids, by default 10 and at most 1000, or those with `object_ids`.

        All are allocated or none. Raises InvalidArgument, Unavailable CREDENTIALS_EXPIRED, and the errors of
        ObjectRegistry.reserve. If the first and one of those apply, the error of the flow is raised.
        """
        try:
            backend = self._backends.choose(storage_id)
            locations = self._locations(backend, self._ids(limit, object_ids))
        except InvalidArgument:
            await self._registry.reserve(flow_id, ())
            raise
        # Ids that are reserved without a URL could not be asked for again.
        self._signer.check(backend)
        container = await self._registry.reserve(flow_id, locations)
        self._recent.add_allocated(locations)
        paths = [location.storage_path for location in locations]
        urls = self._signer.put_urls(backend, paths, container)
        self._counts.allocated.add(len(locations))
        return [
            AllocatedObject(location.object_id, url, container, backend.put_headers)
            for location, url in zip(locations, urls, strict=True)
        ]

    def _ids(self, limit: int | None, object_ids: Sequence[str] | None) -> Sequence[str]:
        if object_ids is None:
            return [self._new_object_id() for _ in range(_count(limit))]
        if limit is not None:
            raise _bad("give limit or object_ids, not both")
        if len(object_ids) > MAX_OBJECTS:
            raise InvalidArgument(f"give at most {MAX_OBJECTS} object ids", reason="TOO_MANY_ITEMS")
        if len(set(object_ids)) < len(object_ids):
            raise _bad("an object id is repeated")
        return object_ids

    def _locations(self, backend: StorageBackend, object_ids: Sequence[str]) -> list[ObjectLocation]:
        now = self._clock()
        return [
            ObjectLocation(object_id, backend.id, _path(backend.prefix, now, object_id, index))
            for index, object_id in enumerate(object_ids)
        ]


def _count(limit: int | None) -> int:
    if limit is None:
        return DEFAULT_OBJECTS
    if limit < 0:
        raise _bad("limit is negative")
    return min(limit, MAX_OBJECTS)


def _path(prefix: str, now: datetime, object_id: str, index: int) -> str:
    try:
        return storage_path(prefix, now, object_id)
    except InvalidArgument as error:
        path = f"$.object_ids[{index}]"
        raise InvalidArgument(f"{path}: {error.summary}", reason=error.reason, path=path) from None


def _bad(summary: str) -> InvalidArgument:
    return InvalidArgument(summary, reason="BAD_ALLOCATION")
