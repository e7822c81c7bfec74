"""A bounded stretch of a flow's timeline, as integers."""

from dataclasses import dataclass
from typing import Self

from mediatimestamp import TimeRange, Timestamp


@dataclass(frozen=True, slots=True)
class Stretch:
    """The instants start <= t < end, in nanoseconds."""

    start: int
    end: int

    @classmethod
    def of(cls, timerange: TimeRange) -> Self:
        """The stretch of a timerange, which must be bounded; an inclusive end lies a nanosecond before."""
        if timerange.start is None or timerange.end is None:
            raise ValueError(f"an unbounded timerange is no stretch: {timerange}")
        start = timerange.start.to_nanosec() + (not timerange.includes_start())
        return cls(start, timerange.end.to_nanosec() + timerange.includes_end())

    def timerange(self) -> TimeRange:
        """The same in TAMS' words."""
        start, end = Timestamp.from_nanosec(self.start), Timestamp.from_nanosec(self.end)
        return TimeRange(start, end, TimeRange.INCLUDE_START)

    def moved(self, offset: int) -> "Stretch":
        """The stretch as seen from another zero."""
        return Stretch(self.start + offset, self.end + offset)
