"""Storage backends and a registry of objects for tests of the media service."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from services.media.domain.object import Ages, ObjectLocation, ObjectSize
from services.media.domain.presign import Credentials
from services.media.domain.storage_backend import StorageBackend
from services.shared.errors import AlreadyExists, FailedPrecondition, NotFound, PermissionDenied

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
    return StorageBackend(**(values | changes))


class MemoryObjectRegistry:
    """Meets ObjectRegistry for flows that it is told of."""

    def __init__(self, containers: dict[str, str | None], read_only: Sequence[str] = ()) -> None:
        self._containers = containers
        self._read_only = set(read_only)
        self.reserved: dict[str, ObjectLocation] = {}
        # Reserved and not registered, as long as nobody claims it.
        self.idle: list[ObjectLocation] = []
        self.claimed: dict[str, ObjectLocation] = {}
        self.due: list[ObjectLocation] = []
        self.sizes: dict[str, int | None] = {}

    async def reserve(self, flow_id: str, objects: Sequence[ObjectLocation]) -> str:
        if flow_id not in self._containers:
            raise NotFound("no such flow", reason="FLOW_NOT_FOUND")
        if flow_id in self._read_only:
            raise PermissionDenied("the flow is read-only", reason="FLOW_READ_ONLY")
        if (container := self._containers[flow_id]) is None:
            raise FailedPrecondition("the flow has no container", reason="NO_CONTAINER")
        new = {one.object_id: one for one in objects}
        if len(new) < len(objects) or new.keys() & self.reserved.keys():
            raise AlreadyExists("an object id is taken", reason="OBJECT_EXISTS")
        self.reserved |= new
        self.idle += objects
        return container

    async def unmeasured(self, limit: int) -> list[ObjectLocation]:
        return self.due[:limit]

    async def record_sizes(self, sizes: Sequence[ObjectSize]) -> None:
        """As the real one: whatever was looked at is not due for now."""
        self.sizes |= {one.object_id: one.size for one in sizes}
        self.due = [one for one in self.due if one.object_id not in self.sizes]

    async def claim(self, ages: Ages, limit: int) -> list[ObjectLocation]:
        """As the real one: what is claimed is out of reach, and comes again later."""
        if ages.unreferenced is None and ages.unregistered is None:
            return []
        taken, self.idle = self.idle[:limit], self.idle[limit:]
        self.claimed |= {one.object_id: one for one in taken}
        return taken

    async def forget(self, object_ids: Sequence[str]) -> None:
        for object_id in object_ids:
            self.claimed.pop(object_id, None)
