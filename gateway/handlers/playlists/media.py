"""`/x/flows/{flowId}/playlist.m3u8`: the segments of one flow, for a player."""

import asyncio
from typing import Final

from gateway.clients.live_windows import LivePlaylist, LiveWindows, no_segments
from gateway.clients.playable_flows import PlayableFlows
from gateway.clients.recent import RecentByKey
from gateway.codecs.playlist import Pairs, PlaylistQuery, child_query, playlist_query
from gateway.handlers.playlists.multivariant import playlist_response, since_parameters
from gateway.http.query import Query
from gateway.http.requests import Request
from gateway.http.responses import Response
from gateway.playback.flows import PlayableFlow, require_playable
from gateway.playback.media_playlist import Kind, media_playlist, target_duration
from gateway.playback.multivariant_playlist import Programme, multivariant_playlist
from gateway.playback.numbering import Entry, numbered
from services.shared.access import caller
from services.shared.access.principal import Principal
from services.shared.timerange import TimeRange

# A playlist that grows is the same for this time. Players ask each time that a segment may have come.
_KEPT_SECONDS: Final = 1.0
_KEPT: Final = 500
# Playlists of whole ranges that are written at once. Each takes several megabytes.
_AT_ONCE: Final = 4


class MediaPlaylists:
    """Handlers of media playlists."""

    def __init__(self, flows: PlayableFlows, windows: LiveWindows) -> None:
        self._flows = flows
        self._windows = windows
        self._kept: RecentByKey[tuple[Principal, str, Pairs], bytes] = RecentByKey(_KEPT_SECONDS, _KEPT)
        self._writing = asyncio.Semaphore(_AT_ONCE)

    async def get(self, request: Request, flow_id: str) -> Response:
        """GET /x/flows/{flowId}/playlist.m3u8.

        FailedPrecondition NOT_PLAYABLE, NotFound NO_SEGMENTS or PLAYLIST_EXPIRED, InvalidArgument
        RANGE_TOO_LONG. A live playlist that does not say from where it counts is a multivariant playlist with
        one that does.
        """
        query = request.query()
        asked = playlist_query(query)
        if asked.kind is Kind.VOD:
            return playlist_response(await self._whole(flow_id, asked))
        if asked.kind is Kind.LIVE and asked.since is None:
            return playlist_response(await self._beginning(flow_id, query, asked))

        async def read() -> bytes:
            return await self._growing(flow_id, asked)

        return playlist_response(await self._kept.get((caller.principal.get(), flow_id, asked.key), read))

    async def _whole(self, flow_id: str, asked: PlaylistQuery) -> bytes:
        await self._playable(flow_id)
        async with self._writing:
            entries = await self._entries(flow_id, asked)
            return media_playlist(entries, asked.kind, target=target_duration(entries), ended=True)

    async def _beginning(self, flow_id: str, query: Query, asked: PlaylistQuery) -> bytes:
        flow = await self._playable(flow_id)
        added = await since_parameters(self._windows, flow, asked)
        address = f"playlist.m3u8{child_query(query, added)}"
        return multivariant_playlist([Programme.of([flow])], lambda _: address)

    async def _growing(self, flow_id: str, asked: PlaylistQuery) -> bytes:
        # The flow is read first, so that a flow that is seen as closed has all its segments.
        flow = await self._playable(flow_id)
        if asked.since is None:
            async with self._writing:
                entries = await self._entries(flow_id, asked)
        else:
            playlist = LivePlaylist(flow_id, asked.since, asked.window, asked.filters)
            entries = await self._windows.window(playlist, asked.urls)
        target = max(asked.target, flow.usual_duration, target_duration(entries))
        ended = flow.closed or _reaches(entries[-1], asked.timerange)
        return media_playlist(entries, asked.kind, target=target, ended=ended)

    async def _entries(self, flow_id: str, asked: PlaylistQuery) -> list[Entry]:
        entries = numbered(await self._flows.whole(flow_id, asked.timerange, asked.urls))
        if not entries:
            raise no_segments()
        return entries

    async def _playable(self, flow_id: str) -> PlayableFlow:
        flow = await self._flows.flow(flow_id)
        require_playable(flow)
        return flow


def _reaches(last: Entry, within: TimeRange) -> bool:
    return within.end is not None and last.segment.end >= within.end
