"""The status of deliveries, for operators."""

from collections.abc import Sequence
from typing import NamedTuple


class FailingSubscriber(NamedTuple):
    """A subscriber that refuses events. Times are in nanoseconds since 1970.

    `backlog` is the number of events since its oldest unsettled one. `oldest_ns` is the time of the oldest
    refused event, 0 if unknown.
    """

    webhook_id: str
    since_ns: int
    last_error: str
    failed_attempts: int
    backlog: int
    oldest_ns: int


class Summary(NamedTuple):
    """The number of subscribers and of failing ones, and the time of the oldest event that waits.

    The time is in nanoseconds since 1970, 0 if no event waits.
    """

    subscribers: int
    failing: int
    waiting_since_ns: int

    def lag_seconds(self, now_ns: int) -> float:
        """The age of the oldest event that waits at a time in nanoseconds since 1970; 0 if none waits."""
        return max(now_ns - self.waiting_since_ns, 0) / 1e9 if self.waiting_since_ns else 0.0


class Status(NamedTuple):
    """The number of subscribers and of failing ones, and some of these, the longest failing first."""

    webhooks: int
    failing: int
    failing_subscribers: Sequence[FailingSubscriber]
