"""`/flows/{flowId}/segments`."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

import msgspec
from tams.metadata.v1.segment_service_pb2 import CreateSegmentsRequest

from gateway.clients.segments import BULK_SECONDS, SegmentWriter
from gateway.clients.services import Services
from gateway.codecs import filters, segment, segment_columns
from gateway.codecs.segment import FailedSegment, PostedSegment
from gateway.errors import error_body
from gateway.handlers.deletion_requests import DeletionRequests
from gateway.http import responses
from gateway.http.body import BodyReader
from gateway.http.paging import Paging
from gateway.http.requests import Request
from gateway.http.responses import Header, Response
from services.shared.errors import TamsError
from services.shared.rpc.client import call
from services.shared.rpc.segment_urls import SegmentUrls, StorageBackends
from services.shared.rpc.status import from_failure
from services.shared.rpc.timeranges import from_message


class Segments:
    """Lists, registers and deletes segments."""

    def __init__(
        self,
        services: Services,
        *,
        writer: SegmentWriter,
        bulk_writer: SegmentWriter,
        urls: SegmentUrls,
        storage_backends: StorageBackends,
        deletion_requests: DeletionRequests,
        bodies: BodyReader,
        paging: Paging,
    ) -> None:
        self._segments = services.segments
        self._writer = writer
        self._bulk_writer = bulk_writer
        self._urls = urls
        self._storage_backends = storage_backends
        self._deletion_requests = deletion_requests
        self._bodies = bodies
        self._paging = paging

    async def list(self, request: Request, flow_id: str) -> Response:
        """GET /flows/{flowId}/segments."""
        query = request.query()
        wanted = filters.url_filter(query)
        asked = segment.list_request(flow_id, query)
        page = await call(self._segments.ListSegments, asked)
        documents = await self._urls.documents(page.lines, wanted)
        headers: list[Header] = [
            *self._paging.headers(request, query, limit=page.page_size, next_token=page.next_page_token),
            ("x-paging-count", str(len(documents))),
            ("x-paging-reverse-order", str(asked.reverse).lower()),
            ("x-paging-timerange", str(from_message(page.timerange))),
        ]
        return responses.json(documents.json_list(), headers)

    async def post(self, request: Request, flow_id: str) -> Response:
        """POST /flows/{flowId}/segments: one segment, or a list in which each stands for itself."""
        async with self._bodies.read(request) as body:
            posted = segment.decode_post(body)
            if isinstance(posted, PostedSegment):
                return await self._post_one(flow_id, posted)
            return await self._post_many(flow_id, posted)

    async def delete(self, request: Request, flow_id: str) -> Response:
        """DELETE /flows/{flowId}/segments: 204 when all are gone, 202 when some are still going."""
        wanted = segment.delete_request(flow_id, request.query())
        reply = await call(self._segments.DeleteSegments, wanted, timeout=BULK_SECONDS)
        if reply.HasField("deletion_request"):
            return self._deletion_requests.accepted(request, reply.deletion_request)
        return responses.no_content()

    async def _post_one(self, flow_id: str, posted: PostedSegment) -> Response:
        message = segment.to_message(posted, "$")
        fault = segment.fault(posted, await self._labels([posted]))
        # Sent even with nothing in it: what is wrong with the flow comes before what is wrong with the body.
        sound = [] if fault else [message]
        reply = await self._writer(CreateSegmentsRequest(flow_id=flow_id, segments=sound))
        if fault:
            raise fault
        if reply.failures:
            raise from_failure(reply.failures[0].failure)
        return Response(HTTPStatus.CREATED)

    async def _post_many(self, flow_id: str, posted: Sequence[PostedSegment]) -> Response:
        times = segment_columns.times(posted)
        labels = await self._labels(posted)
        failed: dict[int, TamsError] = {}
        for index, one in enumerate(posted):
            if (fault := segment.fault(one, labels)) is not None:
                failed[index] = _in_list(fault, index)
        sound = [index for index in range(len(posted)) if index not in failed]
        asked = segment_columns.create_request(flow_id, posted, times, sound)
        reply = await self._bulk_writer(asked.request)
        for failure in reply.failures:
            index = asked.places[failure.index]
            failed[index] = _in_list(from_failure(failure.failure), index)
        return _outcome(posted, failed)

    async def _labels(self, posted: Sequence[PostedSegment]) -> frozenset[str]:
        if not any(map(segment.has_labels, posted)):
            return frozenset()
        return frozenset(backend.label for backend in await self._storage_backends.list())


def _in_list(error: TamsError, index: int) -> TamsError:
    """The error with a path that starts at the list instead of its item."""
    if (path := error.metadata.get("path")) is not None:
        error.metadata["path"] = f"$[{index}]{path.removeprefix('$')}"
    return error


def _outcome(posted: Sequence[PostedSegment], failed: Mapping[int, TamsError]) -> Response:
    if not failed:
        return Response(HTTPStatus.CREATED)
    items = [
        FailedSegment(posted[index].object_id, posted[index].timerange, error_body(failed[index]))
        for index in sorted(failed)
    ]
    return responses.json(msgspec.json.encode({"failed_segments": items}))
