"""SegmentService."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import msgspec
from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
from tams.metadata.v1 import segment_pb2, segment_service_pb2, segment_service_pb2_grpc

from services.metadata.application.ports import SegmentQuery
from services.metadata.application.registering import Failed
from services.metadata.application.segments import LinesPage, Registration, Segments
from services.metadata.domain.segment import ExternalUrl, StoredSegment
from services.metadata.domain.stored_segments import StoredSegments
from services.metadata.servicers import deletions
from services.metadata.servicers.convert import optional
from services.metadata.servicers.new_segments import new_segments
from services.shared.errors import TamsError
from services.shared.rpc import server
from services.shared.rpc.status import to_failure
from services.shared.rpc.timeranges import from_message, to_message
from services.shared.timerange import ETERNITY, TimeRange


class SegmentServicer(segment_service_pb2_grpc.SegmentServiceServicer):
    """Translates between messages and Segments."""

    def __init__(self, segments: Segments) -> None:
        self._segments = segments

    async def ListSegments(
        self, request: segment_service_pb2.ListSegmentsRequest, context: Any
    ) -> segment_service_pb2.ListSegmentsResponse:
        """One page of segments."""
        query = SegmentQuery(
            request.flow_id, _within(request), optional(request, "object_id"), request.reverse
        )
        if request.lines:
            return _lines(await self._segments.lines(query, request.page_size, request.page_token))
        page = await self._segments.page(query, request.page_size, request.page_token)
        rows = StoredSegments.of(page.items)
        response = segment_service_pb2.ListSegmentsResponse(
            next_page_token=page.next_token,
            page_size=page.size,
            timerange=to_message(rows.span),
        )
        if request.columns:
            _add_columns(response.columns, rows)
        else:
            add_stored(response.segments, rows)
        return response

    async def CreateSegments(
        self, request: segment_service_pb2.CreateSegmentsRequest, context: Any
    ) -> segment_service_pb2.CreateSegmentsResponse:
        """Register segments in one flow."""
        return _created(await self._segments.create(_registration(request)))

    async def BatchCreateSegments(
        self, request: segment_service_pb2.BatchCreateSegmentsRequest, context: Any
    ) -> segment_service_pb2.BatchCreateSegmentsResponse:
        """Register segments in several flows."""
        results = await self._segments.create_many([_registration(one) for one in request.requests])
        return segment_service_pb2.BatchCreateSegmentsResponse(results=map(_result, results))

    async def DeleteSegments(
        self, request: segment_service_pb2.DeleteSegmentsRequest, context: Any
    ) -> segment_service_pb2.DeleteSegmentsResponse:
        """Delete segments that a range covers."""
        removed, deletion = await self._segments.delete(
            request.flow_id, _within(request), optional(request, "object_id")
        )
        return segment_service_pb2.DeleteSegmentsResponse(
            deleted=removed.segments,
            timerange=to_message(removed.span),
            deletion_request=deletions.message(deletion) if deletion else None,
        )


def registration(segments: Segments) -> server.Registration:
    """The service for a server."""
    add = segment_service_pb2_grpc.add_SegmentServiceServicer_to_server
    return (
        segment_service_pb2.DESCRIPTOR.services_by_name["SegmentService"],
        partial(add, SegmentServicer(segments)),
    )


def _within(
    request: segment_service_pb2.ListSegmentsRequest | segment_service_pb2.DeleteSegmentsRequest,
) -> TimeRange:
    return from_message(request.timerange) if request.HasField("timerange") else ETERNITY


def _lines(page: LinesPage) -> segment_service_pb2.ListSegmentsResponse:
    found = page.lines
    return segment_service_pb2.ListSegmentsResponse(
        next_page_token=page.next_token,
        page_size=page.size,
        timerange=to_message(found.span),
        lines=segment_pb2.SegmentLines(
            documents=found.documents,
            storage_ids=[one or "" for one in found.storage_ids],
            url_paths=found.url_paths,
            external_urls=_indexed(found.external_urls),
        ),
    )


def add_stored(
    messages: RepeatedCompositeFieldContainer[segment_pb2.Segment], segments: Iterable[StoredSegment]
) -> None:
    """Append stored segments to a list in a message: messages made apart would be copied into it."""
    for _, _, _, document, storage_id, path, external_urls in segments:
        message = messages.add(document=document, storage_id=storage_id or "", storage_path=path or "")
        if external_urls:
            message.external_urls.extend(_external(external_urls))


def _add_columns(columns: segment_pb2.SegmentColumns, segments: StoredSegments) -> None:
    columns.SetInParent()
    _, _, _, documents, storage_ids, paths, external_urls = segments.columns
    columns.documents.extend(documents)
    # Most flows keep all their objects on one backend.
    distinct = storage_ids[:1] if len(set(storage_ids)) == 1 else storage_ids
    columns.storage_ids.extend([one or "" for one in distinct])
    columns.storage_paths.extend([one or "" for one in paths])
    columns.external_urls.extend(_indexed((at, urls) for at, urls in enumerate(external_urls) if urls))


def _indexed(urls: Iterable[tuple[int, bytes]]) -> list[segment_pb2.IndexedUrls]:
    return [segment_pb2.IndexedUrls(index=index, urls=_external(of_one)) for index, of_one in urls]


def _external(urls: bytes) -> list[segment_pb2.ExternalUrl]:
    decoded = msgspec.json.decode(urls, type=list[ExternalUrl])
    return [segment_pb2.ExternalUrl(url=one.url, label=one.label) for one in decoded]


def _registration(request: segment_service_pb2.CreateSegmentsRequest) -> Registration:
    return Registration(request.flow_id, new_segments(request))


def _created(failed: list[Failed]) -> segment_service_pb2.CreateSegmentsResponse:
    response = segment_service_pb2.CreateSegmentsResponse()
    for one in failed:
        response.failures.add(index=one.index, failure=to_failure(one.error))
    return response


def _result(result: list[Failed] | TamsError) -> segment_service_pb2.CreateSegmentsResult:
    if isinstance(result, TamsError):
        return segment_service_pb2.CreateSegmentsResult(failure=to_failure(result))
    return segment_service_pb2.CreateSegmentsResult(response=_created(result))
