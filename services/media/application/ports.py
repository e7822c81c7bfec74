"""What the media service needs from outside."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from services.media.domain.object import Ages, ObjectLocation, ObjectSize

# The current instant, in UTC.
Clock = Callable[[], datetime]
# A new object id, unique in the store.
NewObjectId = Callable[[], str]


class ObjectRegistry(Protocol):
    """The record of which object is where."""

    async def reserve(self, flow_id: str, objects: Sequence[ObjectLocation]) -> str:
        """Reserve all the objects for a flow, or none; return the flow's container.

        None at all only checks that the flow may own objects. Raises NotFound FLOW_NOT_FOUND,
        PermissionDenied FLOW_READ_ONLY, FailedPrecondition NO_CONTAINER, AlreadyExists OBJECT_EXISTS.
        """
        ...

    async def unmeasured(self, limit: int) -> list[ObjectLocation]:
        """Objects whose size is unknown and due to be looked at, oldest first."""
        ...

    async def record_sizes(self, sizes: Sequence[ObjectSize]) -> None:
        """Store what was found. Repeating is harmless, unknown objects are passed over."""
        ...

    async def claim(self, ages: Ages, limit: int) -> list[ObjectLocation]:
        """Up to `limit` objects that nobody uses, put out of reach; the caller deletes their bytes."""
        ...

    async def forget(self, object_ids: Sequence[str]) -> None:
        """The bytes of claimed objects are gone. Repeating is harmless, other objects are passed over."""
        ...


class ObjectStorage(Protocol):
    """The bucket of one storage backend."""

    async def prepare(self) -> None:
        """Make the bucket fit for use, as its backend's configuration asks. Raises Unavailable."""
        ...

    async def listed(self, paths: Sequence[str]) -> Mapping[str, int | None]:
        """Sizes, None for what is not there, of those paths that can be told at little cost.

        Raises Unavailable.
        """
        ...

    async def size(self, path: str) -> int | None:
        """Size of an object in bytes, None when it is not there. Raises Unavailable."""
        ...

    async def delete(self, path: str) -> None:
        """Delete an object; one that is not there is gone already. Raises Unavailable."""
        ...
