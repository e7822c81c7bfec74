"""`/flows/{flowId}/segments`."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import msgspec
from tams.metadata.v1 import segment_service_pb2

from gateway.clients.segments import BULK_SECONDS, SegmentWriter
from gateway.clients.services import Services
from gateway.clients.uploads import MissingObjectFinder
from gateway.codecs import filters
from gateway.codecs.decoding import decode_async
from gateway.codecs.segments import segment
from gateway.codecs.segments.new_segments import new_segments
from gateway.codecs.segments.segment import FailedSegment, Posted
from gateway.errors import error_body
from gateway.handlers.deletion_requests import DeletionRequests
from gateway.http import responses
from gateway.http.paging import Paging
from gateway.http.requests import Request
from gateway.http.responses import Header, Response
from gateway.http.wire.body import BodyReader
from services.segment_documents.segment_urls import SegmentUrls
from services.shared.rpc.client import call
from services.shared.rpc.status import from_failure
from services.shared.rpc.timeranges import from_message

# A longer list of segments is translated to protobuf in a thread.
_SHORT_LIST: Final = 500


class Segments:
    """Handlers that list, register and delete segments."""

    def __init__(
        self,
        services: Services,
        *,
        writer: SegmentWriter,
        find_missing_objects: MissingObjectFinder | None,
        urls: SegmentUrls,
        deletion_requests: DeletionRequests,
        bodies: BodyReader,
        paging: Paging,
    ) -> None:
        self._segments = services.segments
        self._writer = writer
        # None if uploads are not checked.
        self._find_missing_objects = find_missing_objects
        self._urls = urls
        self._deletion_requests = deletion_requests
        self._bodies = bodies
        self._paging = paging

    async def list(self, request: Request, flow_id: str) -> Response:
        """GET /flows/{flowId}/segments."""
        query = request.query()
        url_filter = filters.url_filter(query)
        message = segment.list_request(flow_id, query)
        page = await call(self._segments.ListSegments, message)
        (documents,) = await self._urls.documents([page.segments], url_filter)
        headers: list[Header] = [
            *self._paging.headers(request, query, limit=page.page_size, next_token=page.next_page_token),
            ("x-paging-count", str(len(documents))),
            ("x-paging-reverse-order", str(message.reverse).lower()),
            ("x-paging-timerange", str(from_message(page.timerange))),
        ]
        return responses.json(documents.json_list(), headers)

    async def post(self, request: Request, flow_id: str) -> Response:
        """POST /flows/{flowId}/segments: register one segment, or a list.

        201 if all are registered. The segments of a list are independent: 200 with those that failed.
        """
        async with self._bodies.read(request) as body:
            posted = await decode_async(segment.decode_post, body)
            failures = await self._register(flow_id, posted)
        if not failures:
            return Response(HTTPStatus.CREATED)
        if not posted.is_list:
            raise from_failure(failures[0].failure)
        items = [_failed_segment(posted, failure) for failure in failures]
        return responses.json(msgspec.json.encode({"failed_segments": items}))

    async def delete(self, request: Request, flow_id: str) -> Response:
        """DELETE /flows/{flowId}/segments: 204 if all are deleted, 202 if some remain to be deleted."""
        message = segment.delete_request(flow_id, request.query())
        reply = await call(self._segments.DeleteSegments, message, timeout=BULK_SECONDS)
        if reply.HasField("deletion_request"):
            return self._deletion_requests.accepted_response(request, reply.deletion_request)
        return responses.no_content()

    async def _register(self, flow_id: str, posted: Posted) -> Sequence[segment_service_pb2.SegmentFailure]:
        if len(posted.segments) <= _SHORT_LIST:
            segments = new_segments(posted)
        else:
            segments = await asyncio.to_thread(new_segments, posted)
        missing: Sequence[str] = ()
        if self._find_missing_objects is not None and posted.segments:
            object_ids = list(dict.fromkeys(segment.object_id for segment in posted.segments))
            missing = await self._find_missing_objects(object_ids)
        message = segment_service_pb2.CreateSegmentsRequest(
            flow_id=flow_id, segments=segments, missing_objects=missing
        )
        return (await self._writer(message)).failures


def _failed_segment(posted: Posted, failure: segment_service_pb2.SegmentFailure) -> FailedSegment:
    """The failed segment of a list; the path of its error is made to start at the list."""
    error = from_failure(failure.failure)
    if (path := error.metadata.get("path")) is not None:
        error.metadata["path"] = f"{posted.path(failure.index)}{path.removeprefix('$')}"
    failed = posted.segments[failure.index]
    return FailedSegment(failed.object_id, failed.timerange, error_body(error))
