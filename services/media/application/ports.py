"""The ports of the media service: the object registry and object storage."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from services.media.domain.credentials import Credentials
from services.media.domain.multipart_upload import OpenUpload, StoredPart, UploadedPart
from services.media.domain.object import (
    Ages,
    LocatedObject,
    ObjectLocation,
    ObjectSize,
    Reservation,
    UnusedPage,
    UploadTarget,
)
from services.media.domain.reconciliation import PlacedObject, StoredKey
from services.shared.errors import TamsError

# The current time in UTC.
Clock = Callable[[], datetime]
# New object ids, as many as asked for, unique in the store.
NewObjectIds = Callable[[int], Sequence[str]]


class ObjectRegistry(Protocol):
    """The registry of the locations and sizes of objects. Calls raise Unavailable if it does not answer."""

    async def reserve(self, reservations: Sequence[Reservation]) -> list[str | TamsError]:
        """Make reservations, each for itself: all its objects are reserved, or none.

        Returns for each the container of its flow, a MIME type, or the error that refuses it: NotFound
        FLOW_NOT_FOUND, PermissionDenied FLOW_READ_ONLY, FailedPrecondition NO_CONTAINER or AlreadyExists
        OBJECT_EXISTS. One without objects only checks that the flow may own some.
        """
        ...

    async def register_backends(self, labels: Mapping[str, str]) -> None:
        """Register all storage backends: their labels by id. It may be repeated."""
        ...

    async def locate(self, object_ids: Sequence[str]) -> list[LocatedObject]:
        """The locations and sizes of those objects that this store controls; takes at most 1000 ids."""
        ...

    async def upload_target(self, object_id: str) -> UploadTarget:
        """An object that is allocated and not registered.

        NotFound OBJECT_NOT_FOUND or FLOW_NOT_FOUND, FailedPrecondition OBJECT_REGISTERED or NO_CONTAINER,
        PermissionDenied FLOW_READ_ONLY.
        """
        ...

    async def list_unmeasured(self, limit: int) -> list[ObjectLocation]:
        """Up to `limit` objects whose size is due to be measured, oldest first."""
        ...

    async def record_sizes(self, sizes: Sequence[ObjectSize]) -> None:
        """Store the sizes of objects. It may be repeated; unknown objects are ignored."""
        ...

    async def add_accesses(self, urls: Mapping[tuple[str, str], int]) -> None:
        """Add numbers of signed URLs to the objects at places: pairs of a storage id and a path.

        A repetition adds again. It takes at most 1000 places. Those of copies count for their objects, and
        those of no object are ignored.
        """
        ...

    async def list_unused(self, ages: Ages, page_size: int, page_token: str) -> UnusedPage:
        """A page of the objects that `claim` would take, in its order. InvalidArgument BAD_PAGE_TOKEN."""
        ...

    async def claim(self, ages: Ages, limit: int) -> list[ObjectLocation]:
        """Claim up to `limit` unused objects, so that no segment can use them any more.

        An object with copies has several locations. The caller then deletes their bytes and calls `forget`.
        """
        ...

    async def forget(self, object_ids: Sequence[str]) -> None:
        """Remove claimed objects whose bytes are deleted. It may be repeated; other objects are ignored."""
        ...


class ObjectPlaces(Protocol):
    """The objects and copies of the registry by place. Calls raise Unavailable if it does not answer."""

    async def list_places(
        self, storage_id: str, prefix: str, token: str
    ) -> tuple[Sequence[PlacedObject], str]:
        """Up to 1000 objects and copies of a backend with a prefix, by path, and the token of the next page.

        That is empty at the end. InvalidArgument BAD_PAGE_TOKEN.
        """
        ...

    async def find_at(self, storage_ids: Sequence[str], paths: Sequence[str]) -> list[PlacedObject]:
        """The objects and copies at up to 1000 paths on any of up to 100 backends."""
        ...


class ObjectStorage(Protocol):
    """The bucket of one storage backend. All calls raise Unavailable if the storage refuses or is down."""

    async def prepare(self) -> None:
        """Check that the bucket exists; create it and set its CORS rules if configured."""
        ...

    async def check(self) -> None:
        """Check that the bucket answers."""
        ...

    async def accepts(self, credentials: Credentials) -> bool:
        """Whether other credentials than those in use give access to the bucket."""
        ...

    async def list_sizes(self, paths: Sequence[str]) -> Mapping[str, int | None]:
        """Sizes in bytes, None for missing objects, of those paths for which that is cheap."""
        ...

    async def size(self, path: str) -> int | None:
        """The size of an object in bytes, None if it does not exist."""
        ...

    async def delete(self, path: str) -> None:
        """Delete an object; a missing object is no error."""
        ...


class BucketKeys(Protocol):
    """The keys of the bucket of one backend. Calls raise Unavailable if the storage refuses or is down."""

    async def page(self, prefix: str, token: str) -> tuple[Sequence[StoredKey], str]:
        """Up to 1000 keys with the prefix, and the token of the next page; empty at the end.

        The token is that of a page before, or empty. Keys that the store itself writes are left out.
        """
        ...


class MultipartStorage(Protocol):
    """Uploads in parts to the bucket of one backend.

    All calls raise Unavailable if the storage refuses or is down.
    """

    async def create(self, path: str, content_type: str) -> str:
        """Begin an upload of an object; returns its id."""
        ...

    async def uploads(self, prefix: str) -> Sequence[OpenUpload]:
        """The open uploads to paths with this prefix, ascending by path, at most 10,000."""
        ...

    async def parts(
        self, path: str, upload_id: str, after: int, limit: int
    ) -> tuple[Sequence[StoredPart], bool]:
        """Up to `limit` parts with numbers above `after`, ascending, and whether more follow.

        NotFound UPLOAD_NOT_FOUND.
        """
        ...

    async def complete(self, path: str, upload_id: str, parts: Sequence[UploadedPart], *, once: bool) -> int:
        """Make the object of the parts; returns its size in bytes. With `once`, only if it does not exist.

        NotFound UPLOAD_NOT_FOUND, InvalidArgument BAD_PARTS, AlreadyExists OBJECT_STORED.
        """
        ...

    async def abort(self, path: str, upload_id: str) -> None:
        """End an upload and delete its parts; one that is not open is no error."""
        ...


class Head(NamedTuple):
    """The first bytes of an object, and its size in bytes."""

    content: bytes
    object_size: int


class HeadStorage(Protocol):
    """Reads the heads of objects of one backend."""

    async def read(self, path: str, length: int) -> Head | None:
        """The first `length` bytes of an object, fewer if it is shorter; None if it does not exist.

        Unavailable if the storage refuses or is down.
        """
        ...
