"""Translates messages with new segments, which have one list for each field, to Segment values."""

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Final, TypeVar

from tams.metadata.v1 import segment_pb2

from services.metadata.domain.objects.external_url import ExternalUrl
from services.metadata.domain.segments.segment import Segment
from services.metadata.servicers.convert import optional
from services.shared.errors import InvalidArgument
from services.shared.rpc.timeranges import from_message
from services.shared.timerange import TimeRange

# The value of an optional number that a segment does not have.
ABSENT: Final = -1

V = TypeVar("V")


def new_segments(message: segment_pb2.NewSegments) -> list[Segment[str]]:
    """The segments in order; InvalidArgument BAD_COLUMNS for lists or indexes that do not match."""
    count = len(message.object_ids)
    ranges = map(
        TimeRange,
        _column(message.starts_ns, count),
        _column(message.ends_ns, count),
        _column(message.ends_inclusive, count, default=False),
    )
    segments = list(
        map(
            Segment,
            message.object_ids,
            ranges,
            _column(message.ts_offsets_ns, count, default=0),
            _optional_column(message.last_durations_ns, count),
            _optional_column(message.sample_offsets, count),
            _optional_column(message.sample_counts, count),
            _optional_column(message.key_frame_counts, count),
        )
    )
    # Iterating over an empty field takes a single segment as long as all of the above, so look first.
    if len(message.external_urls) or len(message.extra_members) or len(message.other_ranges):
        _add_rare_members(message, segments)
    return segments


def _add_rare_members(message: segment_pb2.NewSegments, segments: list[Segment[str]]) -> None:
    """Add external URLs, extra members and unusual ranges to the segments that have them."""
    for urls in message.external_urls:
        index = _checked_index(urls.index, segments)
        segments[index] = segments[index]._replace(external_urls=_external_urls(urls.urls))
    for extra in message.extra_members:
        index = _checked_index(extra.index, segments)
        segments[index] = segments[index]._replace(extra=extra.members)
    for other in message.other_ranges:
        index = _checked_index(other.index, segments)
        timerange = from_message(other.timerange)
        segments[index] = segments[index]._replace(timerange=timerange, start_exclusive=other.start_exclusive)


def _checked_index(index: int, segments: Sequence[Segment[str]]) -> int:
    if not 0 <= index < len(segments):
        raise InvalidArgument(f"index {index} for {len(segments)} segments", reason="BAD_COLUMNS")
    return index


def _column(values: Sequence[V], count: int, default: V | None = None) -> Iterable[V]:
    if not values and default is not None:
        return repeat(default, count)
    if len(values) != count:
        raise InvalidArgument(f"a list of {len(values)} values for {count} segments", reason="BAD_COLUMNS")
    return values


def _optional_column(values: Sequence[int], count: int) -> Iterable[int | None]:
    if not values:
        return repeat(None, count)
    return [None if value == ABSENT else value for value in _column(values, count)]


def _external_urls(messages: Iterable[segment_pb2.ExternalUrl]) -> list[ExternalUrl]:
    return [ExternalUrl(message.url, optional(message, "label")) for message in messages]
