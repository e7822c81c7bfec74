"""Writes media playlists (RFC 8216, 4.3.2 and 4.3.3)."""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Final

from gateway.playback.clock import utc_date
from gateway.playback.numbering import Entry
from services.shared.timerange import NS

# FFmpeg (since 7.1.1) plays only segments whose URLs end as those of media do. Players send no fragments, and
# signed URLs allow no other change.
_FRAGMENT: Final = "#.ts"

CONTENT_TYPE: Final = "application/vnd.apple.mpegurl"


class Kind(StrEnum):
    """The kinds of playlists: all of a range, one that grows at its end, and a window at the live edge."""

    VOD = "vod"
    EVENT = "event"
    LIVE = "live"


def target_duration(entries: Iterable[Entry]) -> int:
    """The duration of the longest segment in whole seconds."""
    return rounded_duration(max((entry.segment.end - entry.segment.start for entry in entries), default=0))


def rounded_duration(nanoseconds: int) -> int:
    """Nanoseconds in whole seconds, rounded as RFC 8216 rounds durations; at least 1."""
    return max(1, (2 * nanoseconds + NS) // (2 * NS))


def media_playlist(entries: Sequence[Entry], kind: Kind, *, target: int, ended: bool) -> bytes:
    """The text of a playlist with at least one entry.

    `target` is the target duration in seconds. `ended` says that no further segments will follow.
    """
    lines = [*_head(entries[0], kind, target)]
    for index, entry in enumerate(entries):
        lines += _lines(entry, dated=index == 0 or entry.breaks)
    if ended:
        lines.append("#EXT-X-ENDLIST")
    return "\n".join([*lines, ""]).encode()


def _head(first: Entry, kind: Kind, target: int) -> Iterator[str]:
    yield "#EXTM3U"
    yield "#EXT-X-VERSION:3"
    yield f"#EXT-X-TARGETDURATION:{target}"
    if kind is not Kind.LIVE:
        yield f"#EXT-X-PLAYLIST-TYPE:{kind.upper()}"
    yield f"#EXT-X-MEDIA-SEQUENCE:{first.number}"
    # The discontinuity before the first segment is in the playlist, so it does not count here.
    if removed := first.discontinuities - first.breaks:
        yield f"#EXT-X-DISCONTINUITY-SEQUENCE:{removed}"


def _lines(entry: Entry, *, dated: bool) -> Iterator[str]:
    start, end, _, url = entry.segment
    if entry.breaks:
        yield "#EXT-X-DISCONTINUITY"
    if dated and (date := utc_date(start)) is not None:
        yield f"#EXT-X-PROGRAM-DATE-TIME:{date}"
    yield f"#EXTINF:{(end - start) // NS}.{(end - start) % NS:09d},"
    yield url if "#" in url else url + _FRAGMENT
