"""Requests of the metadata service."""

from collections.abc import Sequence
from typing import Any

from tams.metadata.v1.flow_service_pb2 import GetFlowRequest, PutFlowRequest
from tams.metadata.v1.object_pb2 import ObjectLocation
from tams.metadata.v1.object_service_pb2 import ReserveObjectsRequest
from tams.metadata.v1.segment_pb2 import ExternalUrl, NewSegment
from tams.metadata.v1.segment_service_pb2 import (
    CreateSegmentsRequest,
    DeleteSegmentsRequest,
    ListSegmentsRequest,
)
from tams.type.v1.timerange_pb2 import TimeRange

from tests.support.flows import a_flow, encoded, flow_id
from tests.support.metadata import STORAGE

OUTSIDE = (ExternalUrl(url="https://example.com/object"),)


def put_flow(number: int = 1, kind: str = "video", **members: Any) -> PutFlowRequest:
    return PutFlowRequest(id=flow_id(number), document=encoded(a_flow(number, kind, **members)))


def get_flow(number: int = 1, **asked: Any) -> GetFlowRequest:
    return GetFlowRequest(id=flow_id(number), **asked)


def new_segment(
    start: int | None,
    end: int | None,
    object_id: str = "o",
    *,
    inclusive: bool = False,
    urls: Sequence[ExternalUrl] = OUTSIDE,
    **more: Any,
) -> NewSegment:
    timerange = TimeRange(start_ns=start, end_ns=end, end_inclusive=inclusive)
    return NewSegment(object_id=object_id, timerange=timerange, external_urls=urls, **more)


def create(number: int, *segments: NewSegment) -> CreateSegmentsRequest:
    return CreateSegmentsRequest(flow_id=flow_id(number), segments=segments)


def listing(number: int = 1, **asked: Any) -> ListSegmentsRequest:
    return ListSegmentsRequest(flow_id=flow_id(number), **asked)


def deletion(number: int = 1, **asked: Any) -> DeleteSegmentsRequest:
    return DeleteSegmentsRequest(flow_id=flow_id(number), **asked)


def reserve(number: int, *object_ids: str) -> ReserveObjectsRequest:
    locations = [
        ObjectLocation(object_id=one, storage_id=STORAGE, storage_path=f"path/{one}") for one in object_ids
    ]
    return ReserveObjectsRequest(flow_id=flow_id(number), objects=locations)
