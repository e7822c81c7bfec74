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


class Status(NamedTuple):
    """The number of subscribers and of failing ones, and some of these, the longest failing first."""

    webhooks: int
    failing: int
    failing_subscribers: Sequence[FailingSubscriber]
