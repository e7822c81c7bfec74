"""Segments to register: messages and columns of them -> Segment."""

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Final, TypeVar

from tams.metadata.v1.segment_pb2 import ExternalUrl as UrlMessage
from tams.metadata.v1.segment_pb2 import NewSegment, NewSegmentColumns
from tams.metadata.v1.segment_service_pb2 import CreateSegmentsRequest

from services.metadata.domain.segment import ExternalUrl, Segment
from services.metadata.servicers.convert import optional
from services.shared.errors import InvalidArgument
from services.shared.rpc.timeranges import from_message
from services.shared.timerange import TimeRange

V = TypeVar("V")

ABSENT: Final = -1


def new_segments(request: CreateSegmentsRequest) -> Sequence[Segment]:
    """The segments of a request in order. InvalidArgument BAD_COLUMNS when columns do not fit together."""
    segments = list(map(_segment, request.segments))
    if request.HasField("columns"):
        segments += _of_columns(request.columns)
    return segments


def _segment(message: NewSegment) -> Segment:
    has, external = message.HasField, message.external_urls
    return Segment(
        message.object_id,
        from_message(message.timerange),
        message.ts_offset_ns,
        message.last_duration_ns if has("last_duration_ns") else None,
        message.sample_offset if has("sample_offset") else None,
        message.sample_count if has("sample_count") else None,
        message.key_frame_count if has("key_frame_count") else None,
        # Most segments have none, and to begin a walk over none costs as much as all of the above.
        _urls(external) if len(external) else (),
    )


def _of_columns(columns: NewSegmentColumns) -> Iterable[Segment]:
    size = len(columns.object_ids)
    ranges = map(
        TimeRange,
        _column(columns.starts_ns, size),
        _column(columns.ends_ns, size),
        _column(columns.ends_inclusive, size, default=False),
    )
    return map(
        Segment,
        columns.object_ids,
        ranges,
        _column(columns.ts_offsets_ns, size, default=0),
        _optional(columns.last_durations_ns, size),
        _optional(columns.sample_offsets, size),
        _optional(columns.sample_counts, size),
        _optional(columns.key_frame_counts, size),
        _external(columns, size),
    )


def _column(values: Sequence[V], size: int, default: V | None = None) -> Iterable[V]:
    if not values and default is not None:
        return repeat(default, size)
    if len(values) != size:
        raise InvalidArgument(f"a column of {len(values)} for {size} segments", reason="BAD_COLUMNS")
    return values


def _optional(values: Sequence[int], size: int) -> Iterable[int | None]:
    if not values:
        return repeat(None, size)
    return [None if value == ABSENT else value for value in _column(values, size)]


def _external(columns: NewSegmentColumns, size: int) -> Iterable[Sequence[ExternalUrl]]:
    if not columns.external_urls:
        return repeat((), size)
    external: list[Sequence[ExternalUrl]] = [()] * size
    for one in columns.external_urls:
        if not 0 <= one.index < size:
            raise InvalidArgument(f"URLs of segment {one.index} of {size}", reason="BAD_COLUMNS")
        external[one.index] = _urls(one.urls)
    return external


def _urls(messages: Iterable[UrlMessage]) -> list[ExternalUrl]:
    return [ExternalUrl(one.url, optional(one, "label")) for one in messages]
