"""The trash: flows and segments that were deleted softly, so they can be restored until they are purged."""

import secrets
from enum import StrEnum
from typing import Final

from msgspec import Struct

from services.metadata.domain.ids import FlowId, SourceId
from services.shared.errors import InvalidArgument
from services.shared.timerange import TimeRange

_MAX_NAME: Final = 256
# Flows have timelines below it on SQLite, so no timeline of the trash is ever that of a flow.
_FIRST_TIMELINE: Final = 1 << 61


class Kind(StrEnum):
    """The kind of an entry of the trash."""

    FLOW = "flow"
    SEGMENTS = "segments"
    # A restored flow, about whose segments events are still to be recorded. No client sees such an entry.
    RESTORED = "restored"


class Membership(Struct, frozen=True):
    """The place of a deleted flow in the collection of another flow. `item` is its JSON there."""

    collector: FlowId
    index: int
    item: bytes


class Trashed(Struct, frozen=True):
    """An entry of the trash: a flow with its segments, or some segments of a flow.

    Nothing but the trash knows `timeline`, the key of the deleted segments, so no client sees them. Entries
    of one operation are numbered in the order of their deletion, and restored in reverse order. Times ending
    in `_ms` are milliseconds since 1970.
    """

    id: str
    operation: str
    number: int
    kind: Kind
    flow_id: FlowId
    source_id: SourceId
    timeline: int
    # The range of the flow's segments, or the range that was deleted.
    timerange: TimeRange
    deleted_by: str
    deleted_ms: int
    purge_ms: int
    # Of deleted segments: the timeline that they left, and the request that may still move others.
    origin: int | None = None
    filling: str | None = None
    # Of a flow: the documents of the flow, and of the source if this was its last flow.
    document: bytes = b""
    source_document: bytes | None = None
    memberships: tuple[Membership, ...] = ()
    # True once some of its segments are purged: then it cannot be restored.
    purging: bool = False
    # The classes that the flow had. Entries of older versions have none.
    classes: frozenset[str] = frozenset()
    # Of a restored flow: the start of the last segment that has an event.
    announced_ns: int | None = None


class SoftDelete(Struct, frozen=True):
    """A step of an operation that moves flows or segments into the trash. Steps are numbered from 0."""

    operation: str
    deleted_by: str
    deleted_ms: int
    purge_ms: int
    number: int = 0


def new_timeline() -> int:
    """A timeline for segments in the trash."""
    return _FIRST_TIMELINE | secrets.randbits(61)


def check_name(deleted_by: str) -> None:
    """InvalidArgument BAD_NAME if the text is too long, or has characters that cannot be printed."""
    if len(deleted_by) > _MAX_NAME or not deleted_by.isprintable():
        raise InvalidArgument(
            f"deleted_by has at most {_MAX_NAME} characters, all printable", reason="BAD_NAME"
        )
