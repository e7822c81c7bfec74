"""Media objects: the states of their life, and who may reference them (TAMS 7.0 object.json)."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from services.shared.errors import InvalidArgument

_MAX_ID_BYTES: Final = 1024


class State(StrEnum):
    """Where an object is in its life."""

    ALLOCATED = "allocated"  # it has a place, no segment yet; not visible as an object
    REGISTERED = "registered"  # at least one segment references it
    UNREFERENCED = "unreferenced"  # its last segment is gone; the bytes wait to be reclaimed
    RECLAIMED = "reclaimed"  # the bytes are being deleted, or are gone; nobody may reference it again


class MediaObject(NamedTuple):
    """An object as the tables hold it. Objects outside this store have no storage."""

    id: str
    storage_id: str | None
    storage_path: str | None
    state: State
    allocated_for_flow: str | None = None
    first_referenced_by_flow: str | None = None
    size: int | None = None

    def awaits(self, flow_id: str) -> bool:
        """Whether it was allocated for the flow and nothing references it yet."""
        return self.state is State.ALLOCATED and self.allocated_for_flow == flow_id

    @property
    def is_registered(self) -> bool:
        """Whether it is known to be referenced, and by which flow first."""
        return self.state is State.REGISTERED and self.first_referenced_by_flow is not None


def check_id(object_id: str, reason: str, path: str) -> None:
    """InvalidArgument unless the text may name an object. Engines end texts at NUL."""
    if not 0 < len(object_id.encode()) <= _MAX_ID_BYTES or "\0" in object_id:
        raise InvalidArgument(
            f"an object id has 1 to {_MAX_ID_BYTES} bytes and no NUL", reason=reason, path=path
        )


def are_ids(texts: Sequence[str]) -> bool:
    """Whether every one may name an object, if that can be told from a look at all of them."""
    # No character has more than four bytes.
    longest = max(map(len, texts), default=1)
    return "" not in texts and "\0" not in "".join(texts) and 4 * longest <= _MAX_ID_BYTES


def usable(known: MediaObject | None, object_id: str, flow_id: str, *, has_urls: bool) -> MediaObject:
    """The object, which a segment of the flow may reference; a new one outside this store if it is not known.

    InvalidArgument UNKNOWN_OBJECT when nobody allocated it and no URL says where it is,
    OBJECT_RECLAIMED when its bytes are being deleted, and FOREIGN_OBJECT when it was allocated for
    another flow that has not used it yet.
    """
    if known is None:
        if not has_urls:
            raise InvalidArgument(
                f"object {object_id!r} was not allocated here and has no get_urls",
                reason="UNKNOWN_OBJECT",
                path="$.object_id",
            )
        return MediaObject(object_id, None, None, State.REGISTERED, None, flow_id)
    if known.state is State.RECLAIMED:
        raise InvalidArgument(
            f"object {object_id!r} was not referenced for too long: its bytes are being deleted",
            reason="OBJECT_RECLAIMED",
            path="$.object_id",
        )
    if known.state is State.ALLOCATED and known.allocated_for_flow != flow_id:
        raise InvalidArgument(
            f"object {object_id!r} was allocated for another flow, which has not used it yet",
            reason="FOREIGN_OBJECT",
            path="$.object_id",
        )
    return known
