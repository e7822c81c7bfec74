"""Storage backends and a registry of objects for tests of the media service."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from services.media.application.ports import ObjectStorage
from services.media.domain.credentials import Credentials, CredentialsInUse
from services.media.domain.object import (
    Ages,
    Cause,
    LocatedObject,
    ObjectLocation,
    ObjectSize,
    Reservation,
    UnusedObject,
    UnusedPage,
    UploadTarget,
)
from services.media.domain.storage_backend import StorageBackend
from services.shared.errors import AlreadyExists, FailedPrecondition, NotFound, PermissionDenied, TamsError

BACKEND_ID = "5e0b1a0e-7c1d-4b5e-9a52-0f6d5c1c7a10"
OTHER_BACKEND_ID = "c4b2a1a4-2d6e-4c57-8a7c-2f2f8b8c6a11"
NOON = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)


def a_backend(**changes: Any) -> StorageBackend:
    values: dict[str, Any] = {
        "id": BACKEND_ID,
        "label": "local",
        "provider": "local",
        "store_product": "SeaweedFS",
        "default_storage": True,
        "endpoint_url": "http://127.0.0.1:8333",
        "public_endpoint_url": "http://127.0.0.1:8333",
        "bucket": "tams",
        "credentials": Credentials("access", "secret"),
    }
    values |= changes
    values["credentials"] = CredentialsInUse(values["credentials"])
    return StorageBackend(**values)


class PreparedStorage(ObjectStorage):
    """A storage that is always ready and always empty."""

    async def prepare(self) -> None:
        """Do nothing: the storage is ready."""

    async def check(self) -> None:
        """Do nothing: the storage answers."""

    async def accepts(self, _credentials: Credentials) -> bool:
        return True

    async def list_sizes(self, _paths: Sequence[str]) -> dict[str, int | None]:
        return {}

    async def size(self, _path: str) -> int | None:
        return None

    async def delete(self, path: str) -> None:
        """Do nothing: the storage has no objects."""


class MemoryObjectRegistry:
    """An ObjectRegistry of known flows. `containers` has the container of each flow."""

    def __init__(self, containers: dict[str, str | None], read_only: Sequence[str] = ()) -> None:
        self._containers = containers
        self._read_only = set(read_only)
        self.backends: dict[str, str] = {}
        self.reserved: dict[str, ObjectLocation] = {}
        # The containers of reserved objects.
        self._reserved_for: dict[str, str] = {}
        # The ids of objects that segments use.
        self.registered: set[str] = set()
        # Objects that are reserved, and neither registered nor claimed.
        self.idle: list[ObjectLocation] = []
        self.claimed: dict[str, ObjectLocation] = {}
        self.due: list[ObjectLocation] = []
        self.sizes: dict[str, int | None] = {}
        self.accesses: Counter[str] = Counter()

    async def reserve(self, reservations: Sequence[Reservation]) -> list[str | TamsError]:
        return [self._outcome(reservation) for reservation in reservations]

    def _outcome(self, reservation: Reservation) -> str | TamsError:
        try:
            return self._reserve(reservation.flow_id, reservation.objects)
        except TamsError as error:
            return error

    def _reserve(self, flow_id: str, objects: Sequence[ObjectLocation]) -> str:
        if flow_id not in self._containers:
            raise NotFound("no such flow", reason="FLOW_NOT_FOUND")
        if flow_id in self._read_only:
            raise PermissionDenied("the flow is read-only", reason="FLOW_READ_ONLY")
        if (container := self._containers[flow_id]) is None:
            raise FailedPrecondition("the flow has no container", reason="NO_CONTAINER")
        new = {location.object_id: location for location in objects}
        if len(new) < len(objects) or new.keys() & self.reserved.keys():
            raise AlreadyExists("an object id is taken", reason="OBJECT_EXISTS")
        self.reserved |= new
        self._reserved_for |= dict.fromkeys(new, container)
        self.idle += objects
        return container

    async def register_backends(self, labels: Mapping[str, str]) -> None:
        self.backends = dict(labels)

    async def locate(self, object_ids: Sequence[str]) -> list[LocatedObject]:
        known = (self.reserved[object_id] for object_id in object_ids if object_id in self.reserved)
        return [LocatedObject(location, self.sizes.get(location.object_id)) for location in known]

    async def upload_target(self, object_id: str) -> UploadTarget:
        if (location := self.reserved.get(object_id)) is None or location in self.claimed.values():
            raise NotFound("no such object", reason="OBJECT_NOT_FOUND")
        if object_id in self.registered:
            raise FailedPrecondition("the object is registered", reason="OBJECT_REGISTERED")
        return UploadTarget(location, self._reserved_for[object_id])

    async def list_unmeasured(self, limit: int) -> list[ObjectLocation]:
        return self.due[:limit]

    async def record_sizes(self, sizes: Sequence[ObjectSize]) -> None:
        """Record sizes. As in the real registry, a measured object is not due."""
        self.sizes |= {measured.object_id: measured.size for measured in sizes}
        self.due = [location for location in self.due if location.object_id not in self.sizes]

    async def add_accesses(self, urls: Mapping[tuple[str, str], int]) -> None:
        known = {location[1:]: location.object_id for location in self.reserved.values()}
        self.accesses.update({known[place]: number for place, number in urls.items() if place in known})

    async def list_unused(self, ages: Ages, page_size: int, page_token: str) -> UnusedPage:  # noqa: ARG002
        """The idle objects, on one page."""
        if ages.unreferenced is None and ages.unregistered is None:
            return UnusedPage([], "", page_size)
        objects = [
            UnusedObject(location, self.sizes.get(location.object_id), Cause.UNREGISTERED, NOON)
            for location in self.idle
        ]
        return UnusedPage(objects, "", page_size)

    async def claim(self, ages: Ages, limit: int) -> list[ObjectLocation]:
        """Claim idle objects. As in the real registry, a claimed object is not idle any more."""
        if ages.unreferenced is None and ages.unregistered is None:
            return []
        taken, self.idle = self.idle[:limit], self.idle[limit:]
        self.claimed |= {location.object_id: location for location in taken}
        return taken

    async def forget(self, object_ids: Sequence[str]) -> None:
        for object_id in object_ids:
            self.claimed.pop(object_id, None)
