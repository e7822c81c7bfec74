"""Posted segments to protobuf, as one list for each field.

One message for each segment would cost several times as much.
"""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Final, TypeVar

from msgspec import UNSET, UnsetType
from tams.metadata.v1 import segment_pb2

from gateway.codecs.segments.segment import Posted, PostedSegment
from services.shared.errors import InvalidArgument
from services.shared.rpc.timeranges import to_message
from services.shared.timerange import TimeRange, has_exclusive_start, parse_timestamp

# The default of ts_offset.
_NO_OFFSET: Final = "0:0"
_ends_inclusive: Final = attrgetter("end_inclusive")

T = TypeVar("T")
V = TypeVar("V")


def new_segments(posted: Posted) -> segment_pb2.NewSegments:
    """The message with the segments of a body. InvalidArgument with the JSON path of a malformed time."""
    segments = posted.segments
    ranges = _read_all(posted, "timerange", TimeRange.parse)
    message = segment_pb2.NewSegments(
        object_ids=[segment.object_id for segment in segments],
        starts_ns=[timerange.start or 0 for timerange in ranges],
        ends_ns=[timerange.end or 0 for timerange in ranges],
    )
    if any(map(_ends_inclusive, ranges)):
        message.ends_inclusive.extend(map(_ends_inclusive, ranges))
    if any(map(_has_numbers, segments)):
        _add_numbers(message, posted)
    for index, (segment, timerange) in enumerate(zip(segments, ranges, strict=True)):
        if segment.get_urls:
            message.external_urls.add(index=index, urls=_external_urls(segment))
        if timerange.start is None or timerange.end is None or segment.timerange.startswith("("):
            message.other_ranges.add(
                index=index,
                timerange=to_message(timerange),
                start_exclusive=has_exclusive_start(segment.timerange),
            )
    for index, members in posted.extras.items():
        message.extra_members.add(index=index, members=members)
    return message


def _has_numbers(segment: PostedSegment) -> bool:
    """True if a number of the segment is present and not the default."""
    return (
        segment.ts_offset != _NO_OFFSET
        or segment.sample_count is not UNSET
        or segment.sample_offset is not UNSET
        or segment.key_frame_count is not UNSET
        or segment.last_duration is not UNSET
    )


def _add_numbers(message: segment_pb2.NewSegments, posted: Posted) -> None:
    segments = posted.segments
    # Most segments have no times but their range, and to find that out is cheaper than to parse the defaults.
    if any(segment.ts_offset != _NO_OFFSET for segment in segments):
        message.ts_offsets_ns.extend(_read_all(posted, "ts_offset", parse_timestamp))
    if any(segment.last_duration is not UNSET for segment in segments):
        message.last_durations_ns.extend(_counts(_read_all(posted, "last_duration", _optional_timestamp)))
    message.sample_offsets.extend(_counts([segment.sample_offset for segment in segments]))
    message.sample_counts.extend(_counts([segment.sample_count for segment in segments]))
    message.key_frame_counts.extend(_counts([segment.key_frame_count for segment in segments]))


def _external_urls(segment: PostedSegment) -> list[segment_pb2.ExternalUrl]:
    return [
        segment_pb2.ExternalUrl(url=posted.url, label=None if posted.label is UNSET else posted.label)
        for posted in segment.get_urls
    ]


def _counts(values: Sequence[int | UnsetType]) -> list[int]:
    """The values with -1 for an absent one and -2 for a negative one, which metadata refuses.

    No values if all are absent.
    """
    if values.count(UNSET) == len(values):
        return []
    return [-1 if isinstance(value, UnsetType) else value if value >= 0 else -2 for value in values]


def _read_all(posted: Posted, member: str, read: Callable[[V], T]) -> list[T]:
    values: list[T] = []
    try:
        for segment in posted.segments:
            values.append(read(getattr(segment, member)))  # noqa: PERF401 - the length is the index of the fault
    except InvalidArgument as error:
        path = f"{posted.path(len(values))}.{member}"
        raise InvalidArgument(error.summary, reason=error.reason, path=path) from None
    return values


def _optional_timestamp(text: str | UnsetType) -> int | UnsetType:
    return UNSET if isinstance(text, UnsetType) else parse_timestamp(text)
