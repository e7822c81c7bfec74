"""Writes media playlists (RFC 8216, 4.3.2 and 4.3.3)."""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Final

from gateway.playback.clock import utc_date
from gateway.playback.numbering import Entry
from gateway.playback.segments import InitSection
from services.shared.timerange import NS

# FFmpeg (since 7.1.1) plays only segments whose URLs end as those of media do. Players send no fragments, and
# signed URLs allow no other change.
_TS: Final = "#.ts"
_MP4: Final = "#.mp4"
# RFC 8216, 7: the first versions with decimal durations, and with EXT-X-MAP.
_VERSION: Final = 3
_VERSION_OF_MAPS: Final = 6

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
    previous: Entry | None = None
    for entry in entries:
        lines += _lines(entry, previous)
        previous = entry
    if ended:
        lines.append("#EXT-X-ENDLIST")
    return "\n".join([*lines, ""]).encode()


def _head(first: Entry, kind: Kind, target: int) -> Iterator[str]:
    yield "#EXTM3U"
    yield f"#EXT-X-VERSION:{_VERSION if first.segment.init is None else _VERSION_OF_MAPS}"
    yield f"#EXT-X-TARGETDURATION:{target}"
    if kind is not Kind.LIVE:
        yield f"#EXT-X-PLAYLIST-TYPE:{kind.upper()}"
    yield f"#EXT-X-MEDIA-SEQUENCE:{first.number}"
    # The discontinuity before the first segment is in the playlist, so it does not count here.
    if removed := first.discontinuities - first.breaks:
        yield f"#EXT-X-DISCONTINUITY-SEQUENCE:{removed}"


def _lines(entry: Entry, previous: Entry | None) -> Iterator[str]:
    start, end, _, url, init = entry.segment
    if entry.breaks:
        yield "#EXT-X-DISCONTINUITY"
    if (previous is None or entry.breaks) and (date := utc_date(start)) is not None:
        yield f"#EXT-X-PROGRAM-DATE-TIME:{date}"
    address = url if "#" in url else url + (_TS if init is None else _MP4)
    if init is not None and (previous is None or not _has_section(previous, init)):
        yield f'#EXT-X-MAP:URI="{address}",BYTERANGE="{init.length}@0"'
    yield f"#EXTINF:{(end - start) // NS}.{(end - start) % NS:09d},"
    if init is not None:
        yield f"#EXT-X-BYTERANGE:{init.object_size - init.length}@{init.length}"
    yield address


def _has_section(entry: Entry, init: InitSection) -> bool:
    return entry.segment.init is not None and entry.segment.init.digest == init.digest
