"""Bounded time intervals as integers."""

from dataclasses import dataclass
from typing import Self

from mediatimestamp import TimeRange, Timestamp


@dataclass(frozen=True, slots=True)
class Interval:
    """The instants start <= t < end, in nanoseconds."""

    start: int
    end: int

    @classmethod
    def of(cls, timerange: TimeRange) -> Self:
        """The interval of a timerange. ValueError if it is unbounded."""
        if timerange.start is None or timerange.end is None:
            raise ValueError(f"the timerange must be bounded: {timerange}")
        start = timerange.start.to_nanosec() + (not timerange.includes_start())
        return cls(start, timerange.end.to_nanosec() + timerange.includes_end())

    def timerange(self) -> TimeRange:
        """The interval as a TAMS time range."""
        start, end = Timestamp.from_nanosec(self.start), Timestamp.from_nanosec(self.end)
        return TimeRange(start, end, TimeRange.INCLUDE_START)

    def moved(self, offset: int) -> "Interval":
        """The interval moved by `offset` nanoseconds."""
        return Interval(self.start + offset, self.end + offset)
