"""Copies of objects on further storage backends, and the bytes that they must have."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from services.media.domain.object import ObjectLocation
from services.media.domain.storage_backend import StorageBackend
from services.media.domain.storage_path import MAX_KEY_LENGTH
from services.shared.errors import FailedPrecondition

# The limits of S3.
MAX_COPIED_BYTES: Final = 5 * 1024**3  # of an object that storage copies in one request
MAX_PARTS: Final = 10_000
# Parts that storage copies itself, and parts that pass through this process.
COPIED_PART_BYTES: Final = 1024**3
PART_BYTES: Final = 8 * 1024**2
_MAX_PART_BYTES: Final = 64 * 1024**2
_MD5: Final = re.compile(r'"?([0-9a-f]{32})"?')


class BegunCopy(NamedTuple):
    """A copy that the registry has: `is_stored` if it is complete, `is_busy` if another process writes it.

    `sources` are the places of the stored copies.
    """

    location: ObjectLocation
    is_stored: bool
    is_busy: bool
    sources: Sequence[ObjectLocation]


class StoredBytes(NamedTuple):
    """The facts that storage has about an object: its size in bytes, ETag and content type.

    `is_md5` is False where the ETag cannot be the MD5 of the bytes, because storage encrypts them with
    another key than its own.
    """

    size: int
    etag: str
    content_type: str
    is_md5: bool = True

    @property
    def md5(self) -> str | None:
        """The MD5 of the bytes in hexadecimal digits; None if unknown, as for objects made of parts."""
        found = _MD5.fullmatch(self.etag) if self.is_md5 else None
        return None if found is None else found[1]

    def is_same_as(self, other: "StoredBytes") -> bool:
        """True if both have the same size, and the same MD5 where both are known."""
        return self.size == other.size and (None in (self.md5, other.md5) or self.md5 == other.md5)


def copy_path(path: str, source: StorageBackend | None, target: StorageBackend) -> str:
    """The key of a copy: that of the object, below the prefix of the target.

    `source` is the backend of the object, None if it is not configured.

    FailedPrecondition SAME_PLACE if that is where the object is.
    """
    copied = target.prefix + path.removeprefix("" if source is None else source.prefix)
    if source is not None and _bucket(source) == _bucket(target) and copied == path:
        raise FailedPrecondition(
            "the two backends keep the object under one key of one bucket", reason="SAME_PLACE"
        )
    if len(copied.encode()) > MAX_KEY_LENGTH:
        raise FailedPrecondition(
            f"the key of the copy would exceed {MAX_KEY_LENGTH} bytes", reason="SAME_PLACE"
        )
    return copied


def part_bytes(size: int) -> int:
    """The size of the parts in which an object passes through this process.

    FailedPrecondition COPY_TOO_LARGE if it would have too many parts.
    """
    if size > MAX_PARTS * _MAX_PART_BYTES:
        raise FailedPrecondition(
            "the object is too large for a copy through this process", reason="COPY_TOO_LARGE"
        )
    return max(PART_BYTES, -(-size // MAX_PARTS))


def have_one_endpoint(source: StorageBackend, target: StorageBackend) -> bool:
    """True if storage may copy from one backend to the other itself."""
    return source.endpoint_url.rstrip("/") == target.endpoint_url.rstrip("/")


def _bucket(backend: StorageBackend) -> tuple[str, str]:
    return backend.endpoint_url.rstrip("/"), backend.bucket
