"""Query parameters of playlists, and the queries of the playlists that a multivariant playlist names."""

from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import quote

from gateway.codecs import filters
from gateway.http.query import Query
from gateway.playback.media_playlist import Kind
from services.segment_documents.url_filter import UrlFilter
from services.shared.errors import InvalidArgument
from services.shared.timerange import ETERNITY, TimeRange, parse_timestamp

# Segments of a live window. With fewer than three a player cannot keep up (RFC 8216, 6.2.2).
MIN_WINDOW: Final = 3
MAX_WINDOW: Final = 60
DEFAULT_WINDOW: Final = 6
# The longest target duration in seconds that a live playlist may be begun with.
_MAX_TARGET: Final = 24 * 3600
_TOKEN: Final = "access_token"  # noqa: S105 - the name, not a token
_FILTERS: Final = ("accept_get_urls", "accept_storage_ids", "presigned")
_PASSED_ON: Final = ("type", "timerange", "segments", *_FILTERS, _TOKEN)

Pairs = tuple[tuple[str, str], ...]


class PlaylistQuery(NamedTuple):
    """The playlist that a player asks for.

    `window` is the number of segments of a live window. `since` is the start of the segment from which a live
    playlist counts, in nanoseconds; None to begin one. `target` is the target duration that it began with, in
    seconds. `key` has all of the query but the credentials, `filters` the part of it that chooses URLs.
    """

    kind: Kind
    timerange: TimeRange
    window: int
    since: int | None
    target: int
    urls: UrlFilter
    key: Pairs
    filters: Pairs


def playlist_query(query: Query) -> PlaylistQuery:
    """The typed query. InvalidArgument BAD_QUERY, or BAD_TIMERANGE or BAD_TIMESTAMP."""
    kind = Kind(query.choice("type", tuple(Kind)) or Kind.VOD)
    timerange = query.timerange() or ETERNITY
    if kind is Kind.LIVE and timerange != ETERNITY:
        raise InvalidArgument("a live playlist has no timerange; use type=event", reason="BAD_QUERY")
    since = query.text("since") if kind is Kind.LIVE else None
    return PlaylistQuery(
        kind,
        timerange,
        _window(query),
        None if since is None else parse_timestamp(since),
        min(query.number("target") or 0, _MAX_TARGET),
        filters.url_filter(query),
        tuple((name, value) for name, value in query.pairs if name != _TOKEN),
        tuple((name, value) for name, value in query.pairs if name in _FILTERS),
    )


def _window(query: Query) -> int:
    window = query.number("segments", minimum=MIN_WINDOW) or DEFAULT_WINDOW
    if window > MAX_WINDOW:
        raise InvalidArgument(f"query parameter 'segments' must be at most {MAX_WINDOW}", reason="BAD_QUERY")
    return window


def child_query(query: Query, added: Sequence[tuple[str, str]] = ()) -> str:
    """The query of a playlist that a multivariant playlist names, with its "?"; empty without parameters.

    Players send no headers that they are not made to send, so a token in the URL is passed on.
    """
    pairs = [(name, value) for name, value in query.pairs if name in _PASSED_ON]
    text = "&".join(f"{name}={quote(value, safe='')}" for name, value in (*pairs, *added))
    return f"?{text}" if text else ""
