"""What the media service needs from outside."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from services.media.domain.object import ObjectLocation, ObjectSize

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


class ObjectStorage(Protocol):
    """The bucket of one storage backend."""

    async def prepare(self) -> None:
        """Make the bucket fit for use, as its backend's configuration asks. Raises Unavailable."""
        ...

    async def size(self, path: str) -> int | None:
        """Size of an object in bytes, None when it is not there. Raises Unavailable."""
        ...
