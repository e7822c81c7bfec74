"""The ports for copies: their registry, and the buckets that they are read from and written to."""

from collections.abc import Sequence
from typing import Protocol

from services.media.domain.copy import BegunCopy, StoredBytes
from services.media.domain.multipart_upload import UploadedPart
from services.media.domain.object import ObjectLocation
from services.shared.errors import TamsError


class CopyRegistry(Protocol):
    """The registry of copies. Calls raise Unavailable if it does not answer."""

    async def begin(self, location: ObjectLocation) -> BegunCopy:
        """Begin a copy, or find the one that exists.

        NotFound OBJECT_NOT_FOUND, InvalidArgument BAD_OBJECT or UNKNOWN_STORAGE, FailedPrecondition
        TOO_MANY_COPIES or TOO_MANY_SEGMENTS, Conflict COPY_BEING_DELETED.
        """
        ...

    async def renew(self, location: ObjectLocation) -> bool:
        """Renew the lease on a copy; False if it is not to be written any more."""
        ...

    async def finish(self, location: ObjectLocation, *, move: bool) -> TamsError | None:
        """Mark a copy as stored; with `move` it becomes the object's own place.

        Returns NotFound OBJECT_NOT_FOUND or COPY_NOT_FOUND, or FailedPrecondition TOO_MANY_SEGMENTS.
        """
        ...

    async def retire(self, location: ObjectLocation) -> None:
        """Retire a copy whose bytes are gone. FailedPrecondition LAST_COPY, NotFound."""
        ...

    async def claim(self, retired_seconds: int, limit: int) -> list[ObjectLocation]:
        """Claim copies that were retired that long ago. The caller deletes their bytes and calls `forget`."""
        ...

    async def forget(self, locations: Sequence[ObjectLocation]) -> None:
        """Remove claimed copies whose bytes are deleted. It may be repeated."""
        ...


class CopyStorage(Protocol):
    """The bucket of one backend, for copies. All calls raise Unavailable if storage refuses or is down."""

    async def find(self, path: str) -> StoredBytes | None:
        """The facts that storage has about an object; None if it does not exist."""
        ...

    async def read(self, path: str, first: int, size: int, etag: str) -> bytes:
        """`size` bytes from `first` on. Unavailable if the object has another ETag now."""
        ...

    async def put(self, path: str, content: bytes, content_type: str) -> None:
        """Store an object, in place of one that exists."""
        ...

    async def put_part(self, path: str, upload_id: str, number: int, content: bytes) -> UploadedPart:
        """Store a part of an upload."""
        ...

    async def copy(self, path: str, bucket: str, source: str, etag: str) -> bool:
        """Have storage copy an object of another bucket; False if storage does not do that."""
        ...

    async def copy_part(
        self, path: str, upload_id: str, number: int, source: tuple[str, str, str], span: tuple[int, int]
    ) -> UploadedPart | None:
        """Have storage copy a part; None if storage does not do that.

        `source` is the bucket, path and ETag of the object, `span` the first byte and the number of bytes.
        """
        ...
