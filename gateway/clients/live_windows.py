"""The windows of live playlists, whose segments keep their numbers while a player reloads them.

A live playlist counts from one segment, whose start is in its URL. So its numbers need neither the index nor
a table, and each replica finds the same ones. Reading on from the window of the last answer makes a reload as
cheap as a listing. It also keeps the numbers when the first segments are deleted, as those of a loop are.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple

from gateway.clients.playable_flows import PlayableFlows
from gateway.playback.numbering import Entry, continued, numbered
from gateway.playback.segments import PlayableSegment
from services.segment_documents.url_filter import UrlFilter
from services.shared.errors import NotFound
from services.shared.timerange import NS, TimeRange

# Playlists that begin within one such period count from the same segment, so that many players share one.
_PERIOD_NS: Final = 300 * NS
# The most windows that are remembered, and the most pages that are counted where none is.
_REMEMBERED: Final = 1000
_MAX_PAGES: Final = 50


class LivePlaylist(NamedTuple):
    """A live playlist: of a flow, counted from the segment that starts at `since`, with the last `size`."""

    flow_id: str
    since: int
    size: int
    filters: tuple[tuple[str, str], ...]


class LiveWindows:
    """The segments at the live edge, with their numbers."""

    def __init__(self, flows: PlayableFlows) -> None:
        self._flows = flows
        # Without URLs, which are long.
        self._last: OrderedDict[LivePlaylist, list[Entry]] = OrderedDict()

    async def begin(self, flow_id: str, count: int, urls: UrlFilter) -> list[PlayableSegment]:
        """The segment from which a new playlist counts, then those of its window. NotFound NO_SEGMENTS."""
        newest = await self._flows.newest(flow_id, count, urls)
        if not newest:
            raise no_segments()
        edge = newest[0].start
        period = TimeRange(edge - edge % _PERIOD_NS, edge + 1)
        first = await self._flows.page(flow_id, period, urls, size=1)
        return [*(first.segments or newest[:1]), *newest]

    async def window(self, playlist: LivePlaylist, urls: UrlFilter) -> list[Entry]:
        """The present window.

        NotFound PLAYLIST_EXPIRED if its numbers are not known here and can no longer be counted.
        """
        known = self._last.get(playlist, [])
        entries = await self._entries(playlist, known, urls)
        window = entries[-playlist.size :]
        if not window:
            raise no_segments()
        self._remember(playlist, window)
        return window

    async def _entries(self, playlist: LivePlaylist, known: Sequence[Entry], urls: UrlFilter) -> list[Entry]:
        begin = known[0].segment.start if known else playlist.since
        within, token = TimeRange(begin, None), ""
        entries: list[Entry] = []
        for number in range(_MAX_PAGES):
            page = await self._flows.page(playlist.flow_id, within, urls, token)
            segments = [segment for segment in page.segments if segment.start >= begin]
            if not number and not known and (not segments or segments[0].start != begin):
                break
            entries += numbered(segments, entries[-1]) if entries else continued(segments, known)
            token = page.next_token
            if not token:
                return entries
        raise NotFound(
            "the segment from which this live playlist counts is gone, or too far away;"
            " load the multivariant playlist again",
            reason="PLAYLIST_EXPIRED",
        )

    def _remember(self, playlist: LivePlaylist, window: Sequence[Entry]) -> None:
        self._last[playlist] = [entry._replace(segment=entry.segment._replace(url="")) for entry in window]
        self._last.move_to_end(playlist)
        if len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)


def no_segments() -> NotFound:
    """The error of a playlist without segments, which players do not accept."""
    return NotFound("the flow has no segments to play in this range", reason="NO_SEGMENTS")
