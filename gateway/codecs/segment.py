"""Segments: JSON bodies and query parameters <-> protobuf (TAMS 7.0, flow-segment-post.json)."""

from collections.abc import Container
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import UNSET, UnsetType
from tams.metadata.v1.segment_pb2 import ExternalUrl, NewSegment
from tams.metadata.v1.segment_service_pb2 import DeleteSegmentsRequest, ListSegmentsRequest

from gateway.codecs import decoding, filters
from gateway.errors import ErrorBody
from gateway.http.query import Query
from services.shared.errors import InvalidArgument
from services.shared.rpc.timeranges import to_message as to_range
from services.shared.timerange import TimeRange, parse_timestamp

V = TypeVar("V")

MAX_SEGMENTS: Final = 10_000
MAX_URLS: Final = 100

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
Url = Annotated[str, msgspec.Meta(min_length=1, max_length=8192)]
Count = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class PostedUrl(msgspec.Struct, frozen=True):
    """An uncontrolled URL."""

    url: Url
    label: Text | UnsetType = UNSET


class PostedSegment(msgspec.Struct, frozen=True):
    """A segment as clients register it."""

    object_id: Text
    timerange: str
    ts_offset: str = "0:0"
    last_duration: str | UnsetType = UNSET
    sample_offset: Count | UnsetType = UNSET
    sample_count: Count | UnsetType = UNSET
    key_frame_count: Count | UnsetType = UNSET
    get_urls: Annotated[list[PostedUrl], msgspec.Meta(max_length=MAX_URLS)] = []


class FailedSegment(msgspec.Struct, frozen=True):
    """An item of flow-segment-bulk-failure.json."""

    object_id: str
    timerange: str
    error: ErrorBody


_Many = Annotated[list[PostedSegment], msgspec.Meta(max_length=MAX_SEGMENTS)]
_decoder: Final[msgspec.json.Decoder[PostedSegment | list[PostedSegment]]] = msgspec.json.Decoder(
    PostedSegment | _Many
)


def decode_post(body: bytes) -> PostedSegment | list[PostedSegment]:
    """One segment or a list. InvalidArgument with the JSON path of what does not fit the schema."""
    return decoding.decode(_decoder, body)


def to_message(segment: PostedSegment, path: str) -> NewSegment:
    """The segment at a JSON path of the body. InvalidArgument for malformed times."""
    return NewSegment(
        object_id=segment.object_id,
        timerange=to_range(_timerange(segment.timerange, path)),
        ts_offset_ns=_timestamp(segment.ts_offset, path, "ts_offset"),
        last_duration_ns=(
            None
            if segment.last_duration is UNSET
            else _timestamp(segment.last_duration, path, "last_duration")
        ),
        sample_offset=_set(segment.sample_offset),
        sample_count=_set(segment.sample_count),
        key_frame_count=_set(segment.key_frame_count),
        external_urls=external_urls(segment) if segment.get_urls else None,
    )


def external_urls(segment: PostedSegment) -> list[ExternalUrl]:
    """The uncontrolled URLs of a segment."""
    return [ExternalUrl(url=one.url, label=_set(one.label)) for one in segment.get_urls]


def has_labels(segment: PostedSegment) -> bool:
    """Whether some URL of the segment has a label, so that it may clash with a storage backend's."""
    return any(url.label is not UNSET for url in segment.get_urls)


def fault(segment: PostedSegment, backend_labels: Container[str]) -> InvalidArgument | None:
    """What is wrong with a segment although it fits the schema, as far as its text alone tells.

    The start of a segment is always inclusive, and the labels of storage backends are the store's own.
    """
    if segment.timerange.startswith("(") and segment.timerange[1:2] not in ("_", ")", "]"):
        return InvalidArgument(
            "a segment's start is always inclusive", reason="BAD_SEGMENT", path="$.timerange"
        )
    for index, url in enumerate(segment.get_urls):
        if url.label in backend_labels:
            return InvalidArgument(
                f"{url.label!r} is the label of a storage backend",
                reason="RESERVED_LABEL",
                path=f"$.get_urls[{index}].label",
            )
    return None


def list_request(flow_id: str, query: Query) -> ListSegmentsRequest:
    """Range, filter and page of GET segments."""
    return ListSegmentsRequest(
        flow_id=flow_id,
        timerange=filters.timerange(query),
        object_id=query.text("object_id"),
        reverse=query.flag("reverse_order") or False,
        page_size=query.limit(),
        page_token=query.page(),
        lines=True,
    )


def delete_request(flow_id: str, query: Query) -> DeleteSegmentsRequest:
    """What DELETE segments is to delete."""
    return DeleteSegmentsRequest(
        flow_id=flow_id,
        timerange=filters.timerange(query),
        object_id=query.text("object_id"),
    )


def _set(value: V | UnsetType) -> V | None:
    return None if value is UNSET else value


def _timerange(text: str, path: str) -> TimeRange:
    try:
        return TimeRange.parse(text)
    except InvalidArgument as error:
        raise InvalidArgument(error.summary, reason=error.reason, path=f"{path}.timerange") from None


def _timestamp(text: str, path: str, member: str) -> int:
    try:
        return parse_timestamp(text)
    except InvalidArgument as error:
        raise InvalidArgument(error.summary, reason=error.reason, path=f"{path}.{member}") from None
