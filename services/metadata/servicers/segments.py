"""SegmentService."""

import asyncio
from functools import partial
from typing import Final

import msgspec
from tams.metadata.v1 import segment_pb2, segment_service_pb2, segment_service_pb2_grpc

from services.metadata.application.access import checked_flow_id
from services.metadata.application.audit.refusals import Refusals
from services.metadata.application.ports import SegmentQuery
from services.metadata.application.segments.registration import Failure
from services.metadata.application.segments.segments import Registration, Segments, check_count
from services.metadata.domain.objects.external_url import ExternalUrl
from services.metadata.domain.segments.lines import SegmentLines
from services.metadata.servicers import deletion_requests
from services.metadata.servicers.convert import delete_options, optional
from services.metadata.servicers.new_segments import new_segments
from services.shared.errors import DataDamaged, TamsError
from services.shared.rpc import server
from services.shared.rpc.interceptors import Context
from services.shared.rpc.status import to_failure
from services.shared.rpc.timeranges import from_message, to_message
from services.shared.timerange import ETERNITY, TimeRange

# Segments that are translated on the event loop. More are translated in a thread.
_FEW: Final = 500


class SegmentServicer(segment_service_pb2_grpc.SegmentServiceServicer):
    """Translates between messages and Segments."""

    def __init__(self, segments: Segments, refusals: Refusals | None = None) -> None:
        """`refusals` gets the errors of a batch, which do not fail the call."""
        self._segments = segments
        self._refusals = refusals

    async def ListSegments(
        self, request: segment_service_pb2.ListSegmentsRequest, context: Context
    ) -> segment_service_pb2.ListSegmentsResponse:
        """Return a page of segments."""
        within, flow_id = _within(request), checked_flow_id(request.flow_id)
        query = SegmentQuery(flow_id, within, optional(request, "object_id"), request.reverse)
        page = await self._segments.page(query, request.page_size, request.page_token)
        return segment_service_pb2.ListSegmentsResponse(
            segments=lines_message(page.lines),
            next_page_token=page.next_token,
            page_size=page.size,
            timerange=to_message(page.lines.span),
        )

    async def CreateSegments(
        self, request: segment_service_pb2.CreateSegmentsRequest, context: Context
    ) -> segment_service_pb2.CreateSegmentsResponse:
        """Register segments in one flow."""
        check_count(_count(request))
        return _response(await self._segments.create(await _registration(request)))

    async def BatchCreateSegments(
        self, request: segment_service_pb2.BatchCreateSegmentsRequest, context: Context
    ) -> segment_service_pb2.BatchCreateSegmentsResponse:
        """Register segments in several flows."""
        check_count(sum(map(_count, request.requests)))
        registrations = [await _registration(registration) for registration in request.requests]
        results = await self._segments.create_many(registrations)
        if self._refusals is not None:
            for registration, result in zip(registrations, results, strict=True):
                if isinstance(result, TamsError):
                    self._refusals.note("segments.put", f"flow:{registration.flow_id}", result)
        return segment_service_pb2.BatchCreateSegmentsResponse(results=map(_result, results))

    async def DeleteSegments(
        self, request: segment_service_pb2.DeleteSegmentsRequest, context: Context
    ) -> segment_service_pb2.DeleteSegmentsResponse:
        """Delete segments that a range covers."""
        removed, deletion = await self._segments.delete(
            request.flow_id, _within(request), optional(request, "object_id"), delete_options(request.options)
        )
        return segment_service_pb2.DeleteSegmentsResponse(
            deleted=removed.segments,
            timerange=to_message(removed.span),
            deletion_request=deletion_requests.message(deletion) if deletion else None,
        )


def registration(segments: Segments, refusals: Refusals | None = None) -> server.Registration:
    """The SegmentService for a server."""
    add = segment_service_pb2_grpc.add_SegmentServiceServicer_to_server
    return (
        segment_service_pb2.DESCRIPTOR.services_by_name["SegmentService"],
        partial(add, SegmentServicer(segments, refusals)),
    )


def _within(
    request: segment_service_pb2.ListSegmentsRequest | segment_service_pb2.DeleteSegmentsRequest,
) -> TimeRange:
    return from_message(request.timerange) if request.HasField("timerange") else ETERNITY


def lines_message(lines: SegmentLines) -> segment_pb2.SegmentLines:
    """The message of segments; DataDamaged if their external URLs are not JSON."""
    return segment_pb2.SegmentLines(
        documents=lines.documents,
        storage_ids=[storage_id or "" for storage_id in lines.storage_ids],
        url_paths=lines.url_paths,
        external_urls=[
            segment_pb2.IndexedUrls(index=index, urls=_external_urls(urls))
            for index, urls in lines.external_urls
        ],
        copies=[
            segment_pb2.CopyLines(storage_id=storage_id, indexes=indexes, url_paths=paths)
            for storage_id, indexes, paths in lines.copies
        ],
    )


def _external_urls(document: bytes) -> list[segment_pb2.ExternalUrl]:
    try:
        urls = msgspec.json.decode(document, type=list[ExternalUrl])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise DataDamaged("the external URLs of a segment are damaged in the database") from None
    return [segment_pb2.ExternalUrl(url=external.url, label=external.label) for external in urls]


def _count(request: segment_service_pb2.CreateSegmentsRequest) -> int:
    return len(request.segments.object_ids)


async def _registration(request: segment_service_pb2.CreateSegmentsRequest) -> Registration:
    missing = frozenset(request.missing_objects) if request.missing_objects else ()
    if _count(request) <= _FEW:
        return Registration(request.flow_id, new_segments(request.segments), missing)
    return Registration(request.flow_id, await asyncio.to_thread(new_segments, request.segments), missing)


def _response(failures: list[Failure]) -> segment_service_pb2.CreateSegmentsResponse:
    response = segment_service_pb2.CreateSegmentsResponse()
    for failure in failures:
        response.failures.add(index=failure.index, failure=to_failure(failure.error))
    return response


def _result(result: list[Failure] | TamsError) -> segment_service_pb2.CreateSegmentsResult:
    if isinstance(result, TamsError):
        return segment_service_pb2.CreateSegmentsResult(failure=to_failure(result))
    return segment_service_pb2.CreateSegmentsResult(response=_response(result))
