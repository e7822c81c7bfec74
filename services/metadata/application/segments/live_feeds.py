"""Live feeds: the flows that got a segment in the last minute, and how far behind the present they are."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from time import monotonic, time_ns
from typing import Final, NamedTuple

from services.metadata.domain.segments.segment import Segment
from services.shared.telemetry.metrics import Metrics

LIVE_SECONDS: Final = 60.0
# The flows that are remembered. Beyond these, the one that got a segment the longest time ago is forgotten.
MAX_FEEDS: Final = 10_000
# Most live timelines count from the epoch of TAI, which was 37 seconds ahead of UTC from 2017 on.
_TAI_OFFSET_NS: Final = 37 * 10**9
# A segment that ends further from now is a recording, or its timeline is not the time of day.
_NEAR_NS: Final = 3600 * 10**9
_LAG_SECONDS: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)


class _Feed(NamedTuple):
    at: float
    lag_seconds: float | None


class LiveFeeds:
    """Counts segments, and follows the flows that get them. `clock` gives monotonic seconds."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._feeds: OrderedDict[str, _Feed] = OrderedDict()
        self._segments = metrics.counter("tams_segments_registered", "Segments that were registered.").cell()
        self._lags = metrics.histogram(
            "tams_segment_lag_seconds",
            "From the end of a segment by its timerange in TAI to its registration, for live timelines.",
            bounds=_LAG_SECONDS,
        ).cell()
        metrics.gauge(
            "tams_live_feeds", "Flows that got a segment in the last minute.", lambda: len(self._live())
        )
        metrics.gauge(
            "tams_live_feed_lag_seconds",
            "The largest lag of the last segments of the live feeds.",
            lambda: max((feed.lag_seconds or 0.0 for feed in self._live()), default=0.0),
        )

    def note(self, flow_id: str, segments: Sequence[Segment[str]], refused: int) -> None:
        """Count segments of a flow that were registered, all but `refused` of them."""
        accepted = len(segments) - refused
        if accepted <= 0:
            return
        self._segments.add(accepted)
        end = segments[-1].timerange.end
        lag = None if end is None else time_ns() + _TAI_OFFSET_NS - end
        seconds = None if lag is None or abs(lag) > _NEAR_NS else max(0.0, lag / 1e9)
        if seconds is not None:
            self._lags.observe(seconds)
        self._feeds[flow_id] = _Feed(self._clock(), seconds)
        self._feeds.move_to_end(flow_id)
        if len(self._feeds) > MAX_FEEDS:
            self._feeds.popitem(last=False)

    def _live(self) -> list[_Feed]:
        since = self._clock() - LIVE_SECONDS
        # A copy, because a scrape reads it on another thread.
        return [feed for feed in list(self._feeds.values()) if feed.at >= since]
