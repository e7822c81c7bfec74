"""Requests to the metadata service."""

from collections.abc import Sequence
from typing import Any, TypeVar

from tams.metadata.v1.flow_service_pb2 import GetFlowRequest, PutFlowRequest
from tams.metadata.v1.object_pb2 import ObjectLocation
from tams.metadata.v1.object_service_pb2 import ReserveObjectsRequest
from tams.metadata.v1.segment_pb2 import ExternalUrl as UrlMessage
from tams.metadata.v1.segment_pb2 import IndexedMembers, IndexedRange, IndexedUrls, NewSegments
from tams.metadata.v1.segment_service_pb2 import (
    CreateSegmentsRequest,
    DeleteSegmentsRequest,
    ListSegmentsRequest,
)

from services.metadata.domain.objects.external_url import ExternalUrl
from services.metadata.domain.segments.segment import Segment
from services.shared.rpc.timeranges import to_message
from services.shared.timerange import TimeRange
from tests.support.metadata.flows import a_flow, encoded, flow_id
from tests.support.metadata.rules import STORAGE

T = TypeVar("T")

OUTSIDE = (UrlMessage(url="https://example.com/object"),)


def put_flow(number: int = 1, kind: str = "video", **members: Any) -> PutFlowRequest:
    return PutFlowRequest(id=flow_id(number), document=encoded(a_flow(number, kind, **members)))


def get_flow(number: int = 1, **options: Any) -> GetFlowRequest:
    return GetFlowRequest(id=flow_id(number), **options)


def new_segment(
    start: int | None,
    end: int | None,
    object_id: str = "o",
    *,
    inclusive: bool = False,
    urls: Sequence[UrlMessage] = OUTSIDE,
    **more: Any,
) -> Segment[str]:
    external = [ExternalUrl(url.url, url.label if url.HasField("label") else None) for url in urls]
    return Segment(object_id, TimeRange(start, end, inclusive), external_urls=external, **more)


def _message(url: ExternalUrl) -> UrlMessage:
    return UrlMessage(url=url.url, label=url.label)


def columns(segments: Sequence[Segment[str]], *, sparse: bool = True) -> NewSegments:
    """The message of segments. `sparse` leaves out lists without any value."""

    def counts(values: Sequence[int | None]) -> list[int]:
        if sparse and not any(value is not None for value in values):
            return []
        # -1 stands for a missing value.
        return [-1 if value is None else value if value >= 0 else min(value, -2) for value in values]

    def values_or_empty(values: Sequence[T]) -> Sequence[T]:
        return values if any(values) or not sparse else []

    ranges = [segment.timerange for segment in segments]
    return NewSegments(
        object_ids=[segment.object_id for segment in segments],
        starts_ns=[within.start or 0 for within in ranges],
        ends_ns=[within.end or 0 for within in ranges],
        ends_inclusive=values_or_empty([within.end_inclusive for within in ranges]),
        ts_offsets_ns=values_or_empty([segment.ts_offset for segment in segments]),
        last_durations_ns=counts([segment.last_duration for segment in segments]),
        sample_offsets=counts([segment.sample_offset for segment in segments]),
        sample_counts=counts([segment.sample_count for segment in segments]),
        key_frame_counts=counts([segment.key_frame_count for segment in segments]),
        external_urls=[
            IndexedUrls(index=at, urls=map(_message, segment.external_urls))
            for at, segment in enumerate(segments)
            if segment.external_urls
        ],
        extra_members=[
            IndexedMembers(index=at, members=segment.extra)
            for at, segment in enumerate(segments)
            if segment.extra
        ],
        other_ranges=[
            IndexedRange(
                index=at, timerange=to_message(segment.timerange), start_exclusive=segment.start_exclusive
            )
            for at, segment in enumerate(segments)
            if not segment.timerange.bounded or segment.start_exclusive
        ],
    )


def create_in(flow: str, *segments: Segment[str]) -> CreateSegmentsRequest:
    return CreateSegmentsRequest(flow_id=flow, segments=columns(segments))


def create(number: int, *segments: Segment[str]) -> CreateSegmentsRequest:
    return create_in(flow_id(number), *segments)


def listing(number: int = 1, **options: Any) -> ListSegmentsRequest:
    return ListSegmentsRequest(flow_id=flow_id(number), **options)


def deletion(number: int = 1, **options: Any) -> DeleteSegmentsRequest:
    return DeleteSegmentsRequest(flow_id=flow_id(number), **options)


def reserve(number: int, *object_ids: str) -> ReserveObjectsRequest:
    locations = [
        ObjectLocation(object_id=object_id, storage_id=STORAGE, storage_path=f"path/{object_id}")
        for object_id in object_ids
    ]
    return ReserveObjectsRequest(flow_id=flow_id(number), objects=locations)
