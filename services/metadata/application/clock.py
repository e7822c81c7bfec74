"""The time of a change, as documents and events write it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

Clock = Callable[[], datetime]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Moment(NamedTuple):
    """A moment as RFC 3339 text ("2026-03-01T12:00:00.000000Z") and as nanoseconds since 1970."""

    text: str
    ns: int

    @property
    def ms(self) -> int:
        """Milliseconds since 1970."""
        return self.ns // 1_000_000


def utc_now() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)


def moment(clock: Clock) -> Moment:
    """The present of a clock."""
    now = clock()
    microseconds = (now - _EPOCH) // timedelta(microseconds=1)
    return Moment(now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), microseconds * 1000)
