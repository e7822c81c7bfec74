"""Segments: what a new one must satisfy, and its document (TAMS 7.0 flow-segment.json)."""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

from services.metadata.domain.jsons import ENCODE
from services.metadata.domain.object import MediaObject, check_id
from services.shared.errors import InvalidArgument
from services.shared.timerange import TimeRange, format_timestamp


class ExternalUrl(Struct, frozen=True, omit_defaults=True):
    """A URL outside this store's control, given when its segment was registered."""

    url: str
    label: str | None = None


class Segment(NamedTuple):
    """A segment to register."""

    object_id: str
    timerange: TimeRange
    ts_offset: int = 0
    last_duration: int | None = None
    sample_offset: int | None = None
    sample_count: int | None = None
    key_frame_count: int | None = None
    external_urls: Sequence[ExternalUrl] = ()


class StoredSegment(NamedTuple):
    """A segment as the tables hold it."""

    start_ns: int
    end_ns: int
    end_inclusive: int
    document: bytes
    storage_id: str | None
    storage_path: str | None
    external_urls: bytes | None

    @property
    def weight(self) -> int:
        """Bytes of what clients are told of it, signed URLs apart."""
        return len(self.document) + len(self.external_urls or b"")


class _Document(Struct, omit_defaults=True):
    object_id: str
    timerange: str
    ts_offset: str
    last_duration: str | None = None
    sample_offset: int | None = None
    sample_count: int | None = None
    key_frame_count: int | None = None


def check(segment: Segment) -> None:
    """InvalidArgument BAD_SEGMENT unless the range is bounded and not empty and counts are natural."""
    object_id, timerange, _, last, sample_offset, sample_count, key_frame_count, _ = segment
    if timerange.start is None or timerange.end is None or timerange.start >= timerange.end:
        raise _bad("timerange", f"must be bounded and not empty, got {timerange}")
    check_id(object_id, "BAD_SEGMENT", "$.object_id")
    if min(last or 0, sample_offset or 0, sample_count or 0, key_frame_count or 0) < 0:
        raise _bad(_negative(segment), "must not be negative")


def _negative(segment: Segment) -> str:
    names = ("last_duration", "sample_offset", "sample_count", "key_frame_count")
    return next(name for name in names if (getattr(segment, name) or 0) < 0)


def document(segment: Segment) -> bytes:
    """The segment as clients see it, without get_urls. ts_offset is always there, 0:0 included."""
    object_id, timerange, offset, last, sample_offset, sample_count, key_frame_count, _ = segment
    return ENCODE(
        _Document(
            object_id,
            str(timerange),
            format_timestamp(offset) if offset else "0:0",
            None if last is None else format_timestamp(last),
            sample_offset,
            sample_count,
            key_frame_count,
        )
    )


def stored_segment(segment: Segment, known: MediaObject) -> StoredSegment:
    """The segment as the tables hold it; its range must have passed `check`."""
    start, end = segment.timerange.start, segment.timerange.end
    if start is None or end is None:
        raise _bad("timerange", "must be bounded")
    return StoredSegment(
        start,
        end,
        int(segment.timerange.end_inclusive),
        document(segment),
        known.storage_id,
        known.storage_path,
        ENCODE(segment.external_urls) if segment.external_urls else None,
    )


def _bad(name: str, what: str) -> InvalidArgument:
    return InvalidArgument(f"{name} {what}", reason="BAD_SEGMENT", path=f"$.{name}")
