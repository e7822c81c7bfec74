"""The average time of an endpoint for one kind of work, on which single outliers have little influence."""

from dataclasses import dataclass
from typing import Final

# The weight of one call, and the limit of its time relative to the average.
_WEIGHT: Final = 0.2
_OUTLIER: Final = 3
_OUTLIER_SECONDS: Final = 0.005
# Endpoints count as equally fast if they take up to twice as long as the fastest plus this time. The
# difference is noise, and following it would send all calls to one endpoint.
_EQUAL: Final = 2.0
_EQUAL_SECONDS: Final = 0.003
# An endpoint is slow if after some calls its average is this many times that of others and above this time.
_SLOW: Final = 5
_SLOW_SECONDS: Final = 0.3
_MIN_CALLS: Final = 3


@dataclass(slots=True)
class AverageTime:
    """The running average of the seconds of a number of calls."""

    seconds: float = 0.0
    calls: int = 0

    def add(self, seconds: float) -> None:
        """Add the time of a call."""
        if self.calls:
            limit = self.seconds * _OUTLIER + _OUTLIER_SECONDS
            self.seconds += _WEIGHT * (min(seconds, limit) - self.seconds)
        else:
            self.seconds = seconds
        self.calls += 1

    def is_slow(self, usual: float) -> bool:
        """True if the average is far above the usual seconds of other endpoints."""
        return self.calls >= _MIN_CALLS and self.seconds > max(_SLOW_SECONDS, _SLOW * usual)


def equal_limit(best: float) -> float:
    """The longest average that counts as equally fast as the best one."""
    return best * _EQUAL + _EQUAL_SECONDS
