"""Segments: the rules for a new one, and its document (TAMS 7.0 flow-segment.json)."""

from collections.abc import Collection, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from services.metadata.domain.documents.jsons import ENCODE, Members, check_depth, check_numbers, decode
from services.metadata.domain.ids import StorageId
from services.metadata.domain.objects.external_url import WEB, ExternalUrl, check_urls
from services.metadata.domain.objects.object import check_id
from services.shared.errors import InvalidArgument
from services.shared.timerange import TimeRange, format_timestamp, texts_of

# The limit of the members of a segment that TAMS 7.0 does not define, so that pages of segments stay small.
MAX_EXTRA_BYTES: Final = 4096


class UrlRules(NamedTuple):
    """The rules for URLs of segments: the allowed schemes, and the labels that only storage backends have."""

    schemes: Collection[str] = WEB
    reserved: Collection[str] = ()


_DEFAULT: Final = UrlRules()

Id_co = TypeVar("Id_co", bound=str, covariant=True)


class Segment(NamedTuple, Generic[Id_co]):
    """A segment to register. `ts_offset` and `last_duration` are in nanoseconds.

    It is a Segment[str] until `check` has passed it, then a Segment[ObjectId].
    """

    object_id: Id_co
    timerange: TimeRange
    ts_offset: int = 0
    last_duration: int | None = None
    sample_offset: int | None = None
    sample_count: int | None = None
    key_frame_count: int | None = None
    external_urls: Sequence[ExternalUrl] = ()
    # Members that TAMS 7.0 does not define, as a JSON object; empty without such members.
    extra: bytes = b""
    # True if the client wrote the range with an exclusive start.
    start_exclusive: bool = False


class StoredSegment(NamedTuple):
    """A segment as the tables hold it. `external_urls` is a JSON list, None if there are no URLs.

    `copies` are the places of the copies of its object (domain/objects/copies.py), None without copies.
    """

    start_ns: int
    end_ns: int
    end_inclusive: int
    document: bytes
    storage_id: StorageId | None
    storage_path: str | None
    external_urls: bytes | None
    copies: str | None = None

    @property
    def weight(self) -> int:
        """The number of bytes that clients get of the segment, without signed URLs."""
        return len(self.document) + len(self.external_urls or b"")


class _Document(Struct, omit_defaults=True):
    object_id: str
    timerange: str
    ts_offset: str
    last_duration: str | None = None
    sample_offset: int | None = None
    sample_count: int | None = None
    key_frame_count: int | None = None


_MEMBERS: Final = frozenset((*_Document.__struct_fields__, "get_urls"))
_extra: Final = msgspec.json.Decoder(Members)


def check(segment: Segment[str], rules: UrlRules = _DEFAULT) -> None:
    """Check a segment by itself, without regard to stored ones.

    InvalidArgument BAD_SEGMENT, or as `check_urls` raises it.
    """
    object_id, timerange, _, duration, offset, count, key_frames, urls, extra, start_exclusive = segment
    if start_exclusive:
        raise _refuse("timerange", "has an exclusive start; a segment's start is always inclusive")
    start, end = timerange.start, timerange.end
    if start is None or end is None or start >= end:
        raise _refuse("timerange", f"must be bounded and not empty, got {timerange}")
    check_id(object_id, "BAD_SEGMENT", "$.object_id")
    if (duration or 0) < 0 or (offset or 0) < 0 or (count or 0) < 0 or (key_frames or 0) < 0:
        raise _refuse(_first_negative(segment), "must not be negative")
    if urls:
        check_urls(urls, rules.schemes, rules.reserved)
    if extra:
        _check_extra(extra)


def _first_negative(segment: Segment[str]) -> str:
    names = ("last_duration", "sample_offset", "sample_count", "key_frame_count")
    return next(name for name in names if (getattr(segment, name) or 0) < 0)


def _check_extra(extra: bytes) -> None:
    if len(extra) > MAX_EXTRA_BYTES:
        problem = f"members that TAMS 7.0 does not define have more than {MAX_EXTRA_BYTES} bytes"
        raise InvalidArgument(problem, reason="BAD_SEGMENT", path="$")
    check_numbers(extra, "BAD_SEGMENT")
    members = decode(_extra, extra, "BAD_SEGMENT")
    check_depth(members, extra, "BAD_SEGMENT")
    for name in members.keys() & _MEMBERS:
        raise _refuse(name, "is defined by TAMS 7.0, so it cannot be an extra member")


def documents(segments: Sequence[Segment[str]]) -> list[bytes]:
    """The documents of the segments, without get_urls. ts_offset is always written, 0:0 too."""
    timeranges = texts_of([segment.timerange for segment in segments])
    lines = _encode_lines(
        [
            _Document(
                object_id,
                timerange,
                format_timestamp(ts_offset) if ts_offset else "0:0",
                None if duration is None else format_timestamp(duration),
                offset,
                count,
                key_frames,
            )
            for (object_id, _, ts_offset, duration, offset, count, key_frames, _, _, _), timerange in zip(
                segments, timeranges, strict=True
            )
        ]
    ).splitlines()
    for index, segment in enumerate(segments):
        if segment.extra:
            lines[index] = _append_members(lines[index], segment.extra)
    return lines


def _append_members(document: bytes, extra: bytes) -> bytes:
    """The document with the extra members. They are encoded again, because clients may write line feeds."""
    members = ENCODE(_extra.decode(extra))
    return document if members == b"{}" else b"%b,%b" % (document[:-1], members[1:])


_encode_lines: Final = msgspec.json.Encoder().encode_lines


def _refuse(member: str, problem: str) -> InvalidArgument:
    return InvalidArgument(f"{member} {problem}", reason="BAD_SEGMENT", path=f"$.{member}")
