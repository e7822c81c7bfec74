import time

import pytest

from services.metadata.application.segments import live_feeds
from services.metadata.application.segments.live_feeds import LIVE_SECONDS, LiveFeeds
from services.metadata.domain.segments.segment import Segment
from services.shared.telemetry.metrics import Metrics
from services.shared.timerange import TimeRange

SECOND = 10**9
TAI_AHEAD = 37 * SECOND


class Feeds:
    """Live feeds with a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.metrics = Metrics()
        self.feeds = LiveFeeds(self.metrics, lambda: self.now)

    def register(self, flow_id: str, end_ns: int, count: int = 1, refused: int = 0) -> None:
        timerange = TimeRange(end_ns - SECOND, end_ns)
        self.feeds.note(flow_id, [Segment("object", timerange)] * count, refused)

    def read(self, name: str) -> float:
        (value,) = self.metrics.gauges[name].values().values()
        return value


@pytest.fixture
def feeds() -> Feeds:
    return Feeds()


def tai_now() -> int:
    return time.time_ns() + TAI_AHEAD


def test_flows_with_a_segment_in_the_last_minute_are_live(feeds: Feeds) -> None:
    feeds.register("a", 5 * SECOND)
    feeds.now += LIVE_SECONDS / 2
    feeds.register("b", 5 * SECOND)
    assert feeds.read("tams_live_feeds") == 2
    feeds.now += LIVE_SECONDS / 2 + 1
    assert feeds.read("tams_live_feeds") == 1
    feeds.now += LIVE_SECONDS
    assert feeds.read("tams_live_feeds") == 0


def test_the_lag_is_that_of_the_flow_that_is_most_behind(feeds: Feeds) -> None:
    feeds.register("a", tai_now() - 20 * SECOND)
    feeds.register("b", tai_now() - 2 * SECOND)
    assert 20 <= feeds.read("tams_live_feed_lag_seconds") < 60
    feeds.register("a", tai_now())
    assert 2 <= feeds.read("tams_live_feed_lag_seconds") < 20


def test_recordings_have_no_lag(feeds: Feeds) -> None:
    feeds.register("a", 5 * SECOND)
    feeds.register("b", tai_now() - 7200 * SECOND)
    assert (feeds.read("tams_live_feeds"), feeds.read("tams_live_feed_lag_seconds")) == (2, 0)


def test_refused_segments_do_not_count(feeds: Feeds) -> None:
    feeds.register("a", 5 * SECOND, count=5, refused=2)
    feeds.register("b", 5 * SECOND, count=3, refused=3)
    assert feeds.read("tams_live_feeds") == 1
    assert feeds.metrics.counters["tams_segments_registered"].cell().value == 3


def test_only_so_many_feeds_are_remembered(feeds: Feeds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_feeds, "MAX_FEEDS", 3)
    for flow_id in "abcade":
        feeds.register(flow_id, 5 * SECOND)
    assert feeds.read("tams_live_feeds") == 3
