"""Many posted segments -> one request, as columns: a message for each costs several times as much."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

from msgspec import UNSET, UnsetType
from tams.metadata.v1.segment_pb2 import IndexedUrls, NewSegmentColumns
from tams.metadata.v1.segment_service_pb2 import CreateSegmentsRequest

from gateway.codecs import segment
from gateway.codecs.segment import PostedSegment
from services.shared.errors import InvalidArgument
from services.shared.timerange import TimeRange, parse_timestamp

T = TypeVar("T")
V = TypeVar("V")


class Times(NamedTuple):
    """What the texts of segments say, a list each."""

    ranges: Sequence[TimeRange]
    offsets: Sequence[int]
    last_durations: Sequence[int | UnsetType]


class Asked(NamedTuple):
    """A request, and where each of its segments stands in the list that was posted."""

    request: CreateSegmentsRequest
    places: Sequence[int]


def times(posted: Sequence[PostedSegment]) -> Times:
    """The times of segments. InvalidArgument with the JSON path of a malformed one."""
    return Times(
        _read_all(TimeRange.parse, [one.timerange for one in posted], "timerange"),
        _read_all(_timestamp, [one.ts_offset for one in posted], "ts_offset"),
        _read_all(_optional_timestamp, [one.last_duration for one in posted], "last_duration"),
    )


def create_request(
    flow_id: str, posted: Sequence[PostedSegment], known: Times, places: Sequence[int]
) -> Asked:
    """The request for the segments at some places of a list."""
    ranges = known.ranges
    # Columns hold bounded ranges only; why others are refused is for the metadata service to say.
    odd = [at for at in places if ranges[at].start is None or ranges[at].end is None]
    plain = sorted(set(places) - set(odd)) if odd else places
    messages = [segment.to_message(posted[at], f"$[{at}]") for at in odd]
    request = CreateSegmentsRequest(flow_id=flow_id, segments=messages)
    if plain:
        _fill(request.columns, posted, known, plain)
    return Asked(request, [*odd, *plain])


def _fill(
    columns: NewSegmentColumns, posted: Sequence[PostedSegment], known: Times, places: Sequence[int]
) -> None:
    segments = [posted[at] for at in places]
    ranges = [known.ranges[at] for at in places]
    offsets = [known.offsets[at] for at in places]
    columns.object_ids.extend([one.object_id for one in segments])
    columns.starts_ns.extend([one.start or 0 for one in ranges])
    columns.ends_ns.extend([one.end or 0 for one in ranges])
    columns.ends_inclusive.extend(_unless_empty([one.end_inclusive for one in ranges]))
    columns.ts_offsets_ns.extend(_unless_empty(offsets))
    columns.last_durations_ns.extend(_counts([known.last_durations[at] for at in places]))
    columns.sample_offsets.extend(_counts([one.sample_offset for one in segments]))
    columns.sample_counts.extend(_counts([one.sample_count for one in segments]))
    columns.key_frame_counts.extend(_counts([one.key_frame_count for one in segments]))
    columns.external_urls.extend(
        IndexedUrls(index=index, urls=segment.external_urls(one))
        for index, one in enumerate(segments)
        if one.get_urls
    )


def _unless_empty(values: Sequence[V]) -> Sequence[V]:
    return values if any(values) else ()


def _counts(values: Sequence[int | UnsetType]) -> Iterable[int]:
    """-1 stands for what is absent, so that what is negative, and will be refused, is -2."""
    if values.count(UNSET) == len(values):
        return ()
    return [-1 if isinstance(value, UnsetType) else value if value >= 0 else -2 for value in values]


def _read_all(read: Callable[[V], T], texts: Sequence[V], member: str) -> list[T]:
    values: list[T] = []
    try:
        for text in texts:
            values.append(read(text))  # noqa: PERF401 - how many there are tells which one is malformed
    except InvalidArgument as error:
        path = f"$[{len(values)}].{member}"
        raise InvalidArgument(error.summary, reason=error.reason, path=path) from None
    return values


def _timestamp(text: str) -> int:
    # What most segments have, because they leave it out.
    return 0 if text == "0:0" else parse_timestamp(text)


def _optional_timestamp(text: str | UnsetType) -> int | UnsetType:
    return UNSET if isinstance(text, UnsetType) else parse_timestamp(text)
