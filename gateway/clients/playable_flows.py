"""Reads flows and their segments for playlists."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from tams.metadata.v1 import flow_service_pb2, segment_service_pb2

from gateway.clients.flows import FlowReader
from gateway.clients.init_sections import InitSections
from gateway.clients.recent import RecentByKey
from gateway.clients.services import Services
from gateway.playback.flows import PlayableFlow, playable_flow
from gateway.playback.segments import PlayableSegment, playable_segments
from services.segment_documents.segment_urls import SegmentUrls
from services.segment_documents.url_filter import UrlFilter
from services.shared.access import caller
from services.shared.access.principal import Principal
from services.shared.errors import InvalidArgument
from services.shared.rpc.client import call
from services.shared.rpc.timeranges import to_message
from services.shared.timerange import TimeRange

# The most segments of a playlist: five and a half hours in segments of two seconds, and 5 MB of text.
MAX_SEGMENTS: Final = 10_000
# The most flows of a source that are read for its playlist.
MAX_FLOWS: Final = 100
_PAGE: Final = 1000
# A flow is read again after these seconds. Players load the playlist of a live flow that often.
_FLOW_SECONDS: Final = 2.0
_FLOWS_KEPT: Final = 1000


class SegmentPage(NamedTuple):
    """A part of a flow's segments, and the token of the next part; empty on the last."""

    segments: Sequence[PlayableSegment]
    next_token: str


class PlayableFlows:
    """Flows and segments in the form that playlists need, as far as the caller sees them."""

    def __init__(
        self, services: Services, reader: FlowReader, urls: SegmentUrls, init_sections: InitSections
    ) -> None:
        self._services = services
        self._reader = reader
        self._urls = urls
        self._init_sections = init_sections
        self._flows: RecentByKey[tuple[Principal, str], PlayableFlow] = RecentByKey(
            _FLOW_SECONDS, _FLOWS_KEPT
        )

    async def flow(self, flow_id: str) -> PlayableFlow:
        """A flow, as it was two seconds ago or later. NotFound."""

        async def read() -> PlayableFlow:
            message = await self._reader(flow_service_pb2.GetFlowRequest(id=flow_id))
            return playable_flow(message.document)

        return await self._flows.get((caller.principal.get(), flow_id), read)

    async def of_source(self, source_id: str) -> list[PlayableFlow]:
        """The first MAX_FLOWS flows of a source, by id."""
        request = flow_service_pb2.ListFlowsRequest(source_id=source_id, page_size=MAX_FLOWS)
        return [
            playable_flow(flow.document)
            for flow in (await call(self._services.flows.ListFlows, request)).flows
        ]

    async def page(
        self, flow_id: str, within: TimeRange, urls: UrlFilter, token: str = "", size: int = _PAGE
    ) -> SegmentPage:
        """A page of the segments that overlap a range, in order; those without a URL are left out."""
        return await self._page(
            segment_service_pb2.ListSegmentsRequest(
                flow_id=flow_id, timerange=to_message(within), page_size=size, page_token=token
            ),
            urls,
        )

    async def newest(self, flow_id: str, count: int, urls: UrlFilter) -> list[PlayableSegment]:
        """The last `count` segments, in order."""
        request = segment_service_pb2.ListSegmentsRequest(flow_id=flow_id, reverse=True, page_size=count)
        return [*reversed((await self._page(request, urls)).segments)]

    async def whole(self, flow_id: str, within: TimeRange, urls: UrlFilter) -> list[PlayableSegment]:
        """All segments that overlap a range. InvalidArgument RANGE_TOO_LONG if they exceed MAX_SEGMENTS."""
        page = await self.page(flow_id, within, urls)
        segments = [*page.segments]
        while page.next_token:
            page = await self.page(flow_id, within, urls, page.next_token)
            segments += page.segments
            if len(segments) > MAX_SEGMENTS:
                raise _too_long(within, segments[MAX_SEGMENTS].start)
        return segments

    async def _page(self, request: segment_service_pb2.ListSegmentsRequest, urls: UrlFilter) -> SegmentPage:
        page = await call(self._services.segments.ListSegments, request)
        (documents,) = await self._urls.documents([page.segments], urls)
        segments = playable_segments(documents.json_list())
        if (await self.flow(request.flow_id)).is_fragmented:
            segments = await self._init_sections.add(segments, page.segments)
        return SegmentPage([segment for segment in segments if segment.url], page.next_page_token)


def _too_long(within: TimeRange, end: int) -> InvalidArgument:
    return InvalidArgument(
        f"the range has more than {MAX_SEGMENTS} segments, the most that a playlist lists;"
        f" ask for a part, such as timerange={TimeRange(within.start, end)}, then for the next from there",
        reason="RANGE_TOO_LONG",
    )
