"""Segments: what a new one must satisfy, and its document (TAMS 7.0 flow-segment.json)."""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import UNSET, Struct, UnsetType

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
    last_duration: str | UnsetType = UNSET
    sample_offset: int | UnsetType = UNSET
    sample_count: int | UnsetType = UNSET
    key_frame_count: int | UnsetType = UNSET


def check(segment: Segment) -> None:
    """InvalidArgument BAD_SEGMENT unless the range is bounded and not empty and counts are natural."""
    if not segment.timerange.bounded or segment.timerange.empty:
        raise _bad("timerange", f"must be bounded and not empty, got {segment.timerange}")
    check_id(segment.object_id, "BAD_SEGMENT", "$.object_id")
    for name in ("last_duration", "sample_offset", "sample_count", "key_frame_count"):
        value = getattr(segment, name)
        if value is not None and value < 0:
            raise _bad(name, "must not be negative")


def document(segment: Segment) -> bytes:
    """The segment as clients see it, without get_urls. ts_offset is always there, 0:0 included."""
    last = segment.last_duration
    return ENCODE(
        _Document(
            segment.object_id,
            str(segment.timerange),
            format_timestamp(segment.ts_offset),
            UNSET if last is None else format_timestamp(last),
            _set(segment.sample_offset),
            _set(segment.sample_count),
            _set(segment.key_frame_count),
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


def _set(value: int | None) -> int | UnsetType:
    return UNSET if value is None else value


def _bad(name: str, what: str) -> InvalidArgument:
    return InvalidArgument(f"{name} {what}", reason="BAD_SEGMENT", path=f"$.{name}")
