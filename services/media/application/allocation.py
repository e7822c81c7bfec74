"""Allocation of new objects (TAMS 7.0, POST /flows/{flowId}/storage)."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from services.media.application.object_counts import ObjectCounts
from services.media.application.ports import Clock, NewObjectIds, ObjectRegistry
from services.media.application.recent_objects import RecentObjects
from services.media.application.signer import Signer
from services.media.domain.object import AllocatedObjects, ObjectLocation, Reservation
from services.media.domain.storage_backend import StorageBackend, StorageBackends
from services.media.domain.storage_path import storage_path
from services.shared.errors import InvalidArgument, TamsError, Unavailable

MAX_OBJECTS: Final = 1000
MAX_BATCH: Final = 256
DEFAULT_OBJECTS: Final = 10


class AllocationRequest(NamedTuple):
    """The objects to allocate for a flow: `limit` with new ids, by default 10 and at most 1000, or these ids.

    `request_id` is that of the request, for the audit log; empty for that of the call.
    """

    flow_id: str
    limit: int | None = None
    object_ids: Sequence[str] | None = None
    storage_id: str | None = None
    request_id: str = ""

    @property
    def size(self) -> int:
        """The number of objects; 0 if it is not allowed, so that the request is refused by itself."""
        if self.object_ids is not None:
            return len(self.object_ids) if len(self.object_ids) <= MAX_OBJECTS else 0
        return DEFAULT_OBJECTS if self.limit is None else min(max(self.limit, 0), MAX_OBJECTS)


class _Draft(NamedTuple):
    """The objects of a valid request, on one backend."""

    backend: StorageBackend
    locations: Sequence[ObjectLocation]


class _Refused(NamedTuple):
    """The error of a request. That of its flow takes precedence, so the flow is checked."""

    error: InvalidArgument | Unavailable
    locations: Sequence[ObjectLocation] = ()


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
        new_object_ids: NewObjectIds,
        counts: ObjectCounts | None = None,
    ) -> None:
        self._counts = counts or ObjectCounts()
        self._backends = backends
        self._registry = registry
        self._signer = signer
        self._recent = recent
        self._clock = clock
        self._new_object_ids = new_object_ids

    async def allocate(self, requests: Sequence[AllocationRequest]) -> list[AllocatedObjects | TamsError]:
        """For each request its objects, or the error that refuses it. All its objects are allocated, or none.

        The errors are InvalidArgument, Unavailable CREDENTIALS_EXPIRED, and those of ObjectRegistry.reserve,
        which take precedence. Raises InvalidArgument TOO_MANY_ITEMS if there are too many requests, or
        objects in all.
        """
        if len(requests) > MAX_BATCH:
            raise InvalidArgument(f"at most {MAX_BATCH} allocations at once", reason="TOO_MANY_ITEMS")
        if sum(request.size for request in requests) > MAX_OBJECTS:
            raise InvalidArgument(f"at most {MAX_OBJECTS} objects at once", reason="TOO_MANY_ITEMS")
        drafts = [self._draft(request) for request in requests]
        containers = await self._registry.reserve(
            [
                Reservation(request.flow_id, draft.locations, request.request_id)
                for request, draft in zip(requests, drafts, strict=True)
            ]
        )
        return [self._outcome(draft, found) for draft, found in zip(drafts, containers, strict=True)]

    def _draft(self, request: AllocationRequest) -> "_Draft | _Refused":
        try:
            backend = self._backends.choose(request.storage_id)
            locations = self._locations(backend, request.flow_id, self._ids(request))
            # Ids that are reserved without a URL could not be asked for again.
            self._signer.check(backend)
        except (InvalidArgument, Unavailable) as error:
            return _Refused(error)
        return _Draft(backend, locations)

    def _outcome(
        self, draft: "_Draft | _Refused", container: str | TamsError
    ) -> AllocatedObjects | TamsError:
        if isinstance(container, TamsError):
            return container
        if isinstance(draft, _Refused):
            return draft.error
        backend, locations = draft
        self._recent.add_allocated(locations)
        paths = [location.storage_path for location in locations]
        try:
            urls = self._signer.put_urls(backend, paths, container)
        except Unavailable as error:  # the credentials have expired since the check
            return error
        self._counts.allocated.add(len(locations))
        ids = [location.object_id for location in locations]
        return AllocatedObjects(ids, urls, container, backend.put_headers)

    def _ids(self, request: AllocationRequest) -> Sequence[str]:
        limit, object_ids = request.limit, request.object_ids
        if object_ids is None:
            if limit is not None and limit < 0:
                raise _bad("limit is negative")
            return self._new_object_ids(request.size)
        if limit is not None:
            raise _bad("give limit or object_ids, not both")
        if len(object_ids) > MAX_OBJECTS:
            raise InvalidArgument(f"give at most {MAX_OBJECTS} object ids", reason="TOO_MANY_ITEMS")
        if len(set(object_ids)) < len(object_ids):
            raise _bad("an object id is repeated")
        return object_ids

    def _locations(
        self, backend: StorageBackend, flow_id: str, object_ids: Sequence[str]
    ) -> list[ObjectLocation]:
        folder = backend.key_template.folder(backend.prefix, flow_id, self._clock())
        return [
            ObjectLocation(object_id, backend.id, _path(folder, object_id, index))
            for index, object_id in enumerate(object_ids)
        ]


def _path(folder: str, object_id: str, index: int) -> str:
    try:
        return storage_path(folder, object_id)
    except InvalidArgument as error:
        path = f"$.object_ids[{index}]"
        raise InvalidArgument(f"{path}: {error.summary}", reason=error.reason, path=path) from None


def _bad(summary: str) -> InvalidArgument:
    return InvalidArgument(summary, reason="BAD_ALLOCATION")
