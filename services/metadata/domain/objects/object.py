"""Media objects: their states, ids and places, and the flows that may reference them (TAMS object.json)."""

import re
from collections.abc import Collection
from enum import StrEnum
from typing import Final, NamedTuple

from services.metadata.domain.ids import (
    MAX_OBJECT_ID_BYTES,
    FlowId,
    ObjectId,
    StorageId,
    is_object_id,
    is_storage_id,
)
from services.shared.errors import FailedPrecondition, InvalidArgument
from services.shared.object_size import MAX_OBJECT_BYTES

# The limit of a key in S3.
_MAX_PATH_BYTES: Final = 1024
MAX_ETAG: Final = 128
_ETAG: Final = re.compile(rf"[!#-~]{{0,{MAX_ETAG}}}")
# Storage that keeps objects as files follows these steps elsewhere.
_UNSAFE_STEPS: Final = frozenset(("", ".", ".."))


class State(StrEnum):
    """The state of an object."""

    ALLOCATED = "allocated"  # It has a place but no segment yet; clients do not see it as an object.
    REGISTERED = "registered"  # At least one segment references it.
    UNREFERENCED = "unreferenced"  # Its last segment was deleted; its bytes wait to be reclaimed.
    RECLAIMED = "reclaimed"  # Its bytes are being deleted, or are deleted; no segment may reference it again.


class Place(NamedTuple):
    """The id of a new object, and where its bytes will be, as a client sent them: nothing is checked."""

    object_id: str
    storage_id: str
    storage_path: str


class MediaObject(NamedTuple):
    """An object as the tables hold it; `size` is in bytes.

    Objects outside this store have no `storage_id` and `storage_path`.
    """

    id: ObjectId
    storage_id: StorageId | None
    storage_path: str | None
    state: State
    allocated_for_flow: FlowId | None = None
    first_referenced_by_flow: FlowId | None = None
    size: int | None = None
    # The places of its copies (copies.py); None without copies.
    copies: str | None = None

    @property
    def is_registered(self) -> bool:
        """True if a segment references it and the flow that did so first is recorded."""
        return self.state is State.REGISTERED and self.first_referenced_by_flow is not None


class IdleObject(NamedTuple):
    """An object that is not registered, and since when, in milliseconds since 1970.

    `is_used` is True if segments reference it all the same, which a repair mends.
    """

    item: MediaObject
    since_ms: int
    is_used: bool

    @property
    def place(self) -> tuple[int, ObjectId]:
        """Its place among the objects of its state, the oldest first."""
        return self.since_ms, self.item.id


class PlacedObject(NamedTuple):
    """An object or a copy of it with a place in this store, and when its state last changed.

    That is in milliseconds since 1970; for a copy it is the later change of both. `is_registered` is True if
    segments use the object, and the copy is stored, so that the bytes have to be there.
    """

    object_id: ObjectId
    storage_path: str
    is_registered: bool
    changed_ms: int

    @property
    def place(self) -> tuple[str, ObjectId]:
        """Its place among the objects of its storage backend, in the order of keys."""
        return self.storage_path, self.object_id


def check_id(object_id: str, reason: str, path: str) -> None:
    """InvalidArgument with the reason unless the text is a valid object id."""
    if not is_object_id(object_id):
        raise InvalidArgument(
            f"an object id has 1 to {MAX_OBJECT_ID_BYTES} bytes and no NUL", reason=reason, path=path
        )


def check_place(storage_id: str, path: str, reason: str, where: str) -> None:
    """InvalidArgument with the reason unless `storage_id` is a UUID and `path` a safe key in a bucket.

    `where` is the JSON path of the object with the two members.
    """
    if not is_storage_id(storage_id):
        raise InvalidArgument(
            "a storage id is a lower-case UUID of version 1 to 5", reason=reason, path=f"{where}.storage_id"
        )
    steps = path.split("/")
    if not 0 < len(path.encode()) <= _MAX_PATH_BYTES or not path.isprintable() or _UNSAFE_STEPS & set(steps):
        raise InvalidArgument(
            f"a storage path has 1 to {_MAX_PATH_BYTES} bytes, no control characters, and steps between "
            '"/" that are not empty, "." or ".."',
            reason=reason,
            path=f"{where}.storage_path",
        )


def check_size(size: int | None) -> None:
    """InvalidArgument BAD_SIZE if an object cannot have this size in bytes; None, an unknown size, passes."""
    if size is not None and not 0 <= size <= MAX_OBJECT_BYTES:
        raise InvalidArgument(f"a size is 0 to {MAX_OBJECT_BYTES} bytes", reason="BAD_SIZE")


def referenced_object(
    stored: MediaObject | None, object_id: ObjectId, flow_id: FlowId, *, has_urls: bool
) -> MediaObject:
    """The object for a new segment of the flow; without a stored object, a new one outside this store.

    InvalidArgument UNKNOWN_OBJECT if it was not allocated here and the segment has no URLs,
    OBJECT_RECLAIMED if its bytes are being deleted, and FOREIGN_OBJECT if it was allocated for another flow
    that has not used it yet.
    """
    if stored is None:
        if not has_urls:
            raise InvalidArgument(
                f"object {object_id!r} was not allocated here; allocate it, or give get_urls that lead to it",
                reason="UNKNOWN_OBJECT",
                path="$.object_id",
            )
        return MediaObject(object_id, None, None, State.REGISTERED, None, flow_id)
    if stored.state is State.RECLAIMED:
        raise InvalidArgument(
            f"object {object_id!r} was unused for too long, so its bytes are being deleted; allocate another",
            reason="OBJECT_RECLAIMED",
            path="$.object_id",
        )
    if stored.state is State.ALLOCATED and stored.allocated_for_flow != flow_id:
        raise InvalidArgument(
            f"object {object_id!r} was allocated for another flow, which has not used it yet",
            reason="FOREIGN_OBJECT",
            path="$.object_id",
        )
    return stored


def check_etag(etag: str) -> None:
    """InvalidArgument BAD_ETAG unless the text is an ETag without its quotes. An empty one passes."""
    if not _ETAG.fullmatch(etag):
        raise InvalidArgument(
            f"an ETag has up to {MAX_ETAG} visible ASCII characters and no quotes", reason="BAD_ETAG"
        )


def check_uploaded(item: MediaObject, missing: Collection[str]) -> None:
    """FailedPrecondition OBJECT_NOT_STORED if the object belongs into this store and its bytes are missing.

    `missing` has the ids of objects without bytes.
    """
    if item.id in missing and item.storage_id is not None:
        raise FailedPrecondition(
            f"object {item.id!r} is not in storage; upload it, then register it",
            reason="OBJECT_NOT_STORED",
            path="$.object_id",
        )
