"""Segments: what a new one must satisfy, and its document (TAMS 7.0 flow-segment.json)."""

from collections.abc import Sequence
from operator import lt
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from services.metadata.domain.object import are_ids, check_id
from services.shared.errors import InvalidArgument
from services.shared.timerange import TimeRange, format_timestamp, texts_of


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


def all_sound(segments: Sequence[Segment]) -> bool:
    """Whether `check` passes for every one: a look at each field of all costs less than a call for each.

    False also says that it cannot be told so.
    """
    object_ids, ranges, _, *counts, _ = zip(*segments, strict=True) if segments else [()] * 8
    starts, ends = [one.start for one in ranges], [one.end for one in ranges]
    return (
        are_ids(object_ids)
        and None not in starts
        and None not in ends
        and all(map(lt, starts, ends))
        and all(min(filter(None, count), default=0) >= 0 for count in counts)
    )


def document(segment: Segment) -> bytes:
    """The segment as clients see it, without get_urls. ts_offset is always there, 0:0 included."""
    (only,) = documents([segment])
    return only


def documents(segments: Sequence[Segment]) -> list[bytes]:
    """The document of each, written together."""
    texts = texts_of([one.timerange for one in segments])
    lines = _encode_lines(
        [
            _Document(
                object_id,
                text,
                format_timestamp(offset) if offset else "0:0",
                None if last is None else format_timestamp(last),
                *counts,
            )
            for (object_id, _, offset, last, *counts, _), text in zip(segments, texts, strict=True)
        ]
    )
    return lines.splitlines()


_encode_lines: Final = msgspec.json.Encoder().encode_lines


def _bad(name: str, what: str) -> InvalidArgument:
    return InvalidArgument(f"{name} {what}", reason="BAD_SEGMENT", path=f"$.{name}")
