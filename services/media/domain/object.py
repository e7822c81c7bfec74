"""Media objects in storage."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Final, NamedTuple, Self

from services.media.domain.signed_urls import SignedUrls

# What the registry keeps: mostly hexadecimal digits, or those with a hyphen and the number of parts.
_ETAG: Final = re.compile(r"[!#-~]{1,128}")


class ObjectLocation(NamedTuple):
    """The location of an object: its storage backend, and the key in the bucket of that backend."""

    object_id: str
    storage_id: str
    storage_path: str


class LocatedObject(NamedTuple):
    """The location of an object, and its size in bytes, None if unknown."""

    location: ObjectLocation
    size: int | None


class UploadTarget(NamedTuple):
    """The location of an allocated object, and the content type that its bytes must be written with."""

    location: ObjectLocation
    container: str


class Reservation(NamedTuple):
    """New objects to reserve for a flow. `request_id` is that of the request, for the audit log."""

    flow_id: str
    objects: Sequence[ObjectLocation]
    request_id: str = ""


class AllocatedObjects(NamedTuple):
    """New objects and the signed URLs to upload them. Each PUT must have the content type and the headers."""

    object_ids: Sequence[str]
    put_urls: SignedUrls
    content_type: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ages:
    """The ages in seconds at which unused objects are reclaimed; None for never."""

    unreferenced: int | None
    unregistered: int | None


class StoredSize(int):
    """The size of stored bytes, with their ETag without quotes; empty if it is not known.

    It is a number, because most who ask for a size need no more.
    """

    etag: str

    def __new__(cls, size: int, etag: str = "") -> Self:
        """The size with the ETag as storage gives it, in quotes."""
        stored = super().__new__(cls, size)
        stored.etag = text if _ETAG.fullmatch(text := etag.strip('"')) else ""
        return stored


@dataclass(frozen=True, slots=True)
class ObjectSize:
    """The size of an object in bytes, None if its bytes are missing. A StoredSize has their ETag too."""

    object_id: str
    size: int | None

    @property
    def etag(self) -> str:
        """The ETag; empty if it is not known."""
        return self.size.etag if isinstance(self.size, StoredSize) else ""


class Cause(Enum):
    """Why the bytes of an object are to be deleted."""

    UNREFERENCED = auto()  # Its last segment was deleted.
    UNREGISTERED = auto()  # It was allocated, and no segment was registered.
    CLAIMED = auto()  # Its deletion had begun and did not succeed.


class UnusedObject(NamedTuple):
    """An object whose bytes are to be deleted, why, and since when; its size in bytes is None if unknown."""

    location: ObjectLocation
    size: int | None
    cause: Cause
    unused_since: datetime


class UnusedPage(NamedTuple):
    """A page of unused objects, the token of the next page (empty on the last), and the page size used."""

    objects: Sequence[UnusedObject]
    next_token: str
    size: int
