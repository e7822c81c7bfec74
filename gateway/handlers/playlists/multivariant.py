"""Multivariant playlists of flows and sources: what a player may choose from."""

import asyncio
from collections.abc import Sequence
from typing import Final

from gateway.clients.documents import SourceDocuments
from gateway.clients.live_windows import LiveWindows
from gateway.clients.playable_flows import MAX_FLOWS, PlayableFlows
from gateway.codecs.playlist import PlaylistQuery, child_query, playlist_query
from gateway.http.query import Query
from gateway.http.requests import Request
from gateway.http.responses import Response
from gateway.playback.flows import MULTI, PlayableFlow, require_playable
from gateway.playback.media_playlist import CONTENT_TYPE, Kind, rounded_duration
from gateway.playback.multivariant_playlist import Programme, multivariant_playlist
from services.shared.errors import FailedPrecondition, NotFound
from services.shared.timerange import format_timestamp

# A playlist has signed URLs and may have a token in others, so only the player itself may keep it.
_HEADERS: Final = (("content-type", CONTENT_TYPE), ("cache-control", "private, no-cache"))

# The most multi flows of a source whose collections are read.
_MOST_MULTIS: Final = 10

Parameters = Sequence[tuple[str, str]]


class MultivariantPlaylists:
    """Handlers of multivariant playlists."""

    def __init__(self, flows: PlayableFlows, sources: SourceDocuments, windows: LiveWindows) -> None:
        self._flows = flows
        self._sources = sources
        self._windows = windows

    async def of_flow(self, request: Request, flow_id: str) -> Response:
        """GET /x/flows/{flowId}/multivariant.m3u8: the flow, or those that it collects.

        FailedPrecondition NOT_PLAYABLE; NotFound NO_SEGMENTS if it is live and has no segments.
        """
        flow = await self._flows.flow(flow_id)
        if not flow.flow_collection:
            require_playable(flow)
        return await self._response(request, [await self._programme(flow)], "../")

    async def of_source(self, request: Request, source_id: str) -> Response:
        """GET /x/sources/{sourceId}/multivariant.m3u8: the flows of the source; the same errors."""
        await self._sources.get(source_id)
        flows = [flow for flow in await self._flows.of_source(source_id) if not flow.excluded]
        multis = [flow for flow in flows if flow.format == MULTI and not flow.container]
        own = _playable([flow for flow in flows if flow not in multis])
        programmes = [Programme.of(own)] if own else []
        programmes += await asyncio.gather(*map(self._programme, multis[:_MOST_MULTIS]))
        return await self._response(request, programmes, "../../flows/")

    async def _programme(self, flow: PlayableFlow) -> Programme:
        """A flow with segments of its own; else the flows that it collects and the caller sees."""
        if not flow.obstacle:
            return Programme.of([flow])
        ids = list(dict.fromkeys(member.id for member in flow.flow_collection))[:MAX_FLOWS]
        members = await asyncio.gather(*map(self._flows.flow, ids), return_exceptions=True)
        for member in members:
            if isinstance(member, BaseException) and not isinstance(member, NotFound):
                raise member
        found = [member for member in members if isinstance(member, PlayableFlow) and not member.excluded]
        return Programme.of(_playable(found))

    async def _response(self, request: Request, programmes: Sequence[Programme], folder: str) -> Response:
        query = request.query()
        asked = playlist_query(query)
        programmes = [programme for programme in programmes if programme.pictures]
        if not programmes:
            raise FailedPrecondition(
                "there is no flow here with video or audio in MPEG-TS or MP4", reason="NOT_PLAYABLE"
            )
        queries = await self._queries(query, asked, programmes)
        return playlist_response(
            multivariant_playlist(
                programmes, lambda flow: f"{folder}{flow.id}/playlist.m3u8{queries[flow.id]}"
            )
        )

    async def _queries(
        self, query: Query, asked: PlaylistQuery, programmes: Sequence[Programme]
    ) -> dict[str, str]:
        """The query of the playlist of each flow."""
        flows = {flow.id: flow for each in programmes for flow in (*each.pictures, *each.sounds)}
        if asked.kind is not Kind.LIVE:
            return dict.fromkeys(flows, child_query(query))
        added = await asyncio.gather(
            *(since_parameters(self._windows, flow, asked) for flow in flows.values())
        )
        return {flow_id: child_query(query, each) for flow_id, each in zip(flows, added, strict=True)}


async def since_parameters(windows: LiveWindows, flow: PlayableFlow, asked: PlaylistQuery) -> Parameters:
    """The parameters that begin a live playlist of a flow: from where it counts, and its target duration."""
    first, *newest = await windows.begin(flow.id, asked.window, asked.urls)
    longest = max(segment.end - segment.start for segment in newest)
    target = max(flow.usual_duration, rounded_duration(longest))
    return (("since", format_timestamp(first.start)), ("target", str(target)))


def playlist_response(text: bytes) -> Response:
    """200 with a playlist."""
    return Response(200, text, _HEADERS)


def _playable(flows: Sequence[PlayableFlow]) -> list[PlayableFlow]:
    return [flow for flow in flows if not flow.obstacle]
