"""The circuit breaker of an endpoint: when calls avoid it, and when it is tried again."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from services.vast_client.endpoints.pace import AverageTime
from services.vast_client.plans import Kind

_OPENS_AFTER: Final = 3  # failures in a row
_OPEN_SECONDS: Final = 1.0
_MAX_OPEN_SECONDS: Final = 30.0
# Short, because no caller waits for probes.
_MAX_PROBE_SECONDS: Final = 5.0
# After a successful probe, the endpoint is on trial for this many calls: one failure opens the breaker again.
_TRIAL_CALLS: Final = 20
_MAX_DOUBLINGS: Final = 10
_WEIGHT: Final = 0.2


class Signal(Enum):
    """The kind of a failure of an endpoint."""

    FAILED = "it failed a call"
    LATE = "it did not answer in time, or others are far quicker"


@dataclass(slots=True)
class State:
    """The state of one endpoint. Calls avoid it while `open_until`, the time of the next probe, is not 0."""

    endpoint: str
    times: dict[Kind | None, AverageTime] = field(default_factory=dict)
    overall: AverageTime = field(default_factory=AverageTime)
    last_turns: dict[Kind | None, int] = field(default_factory=dict)  # the turn in which it was chosen last
    error_rate: float = 0.0
    failures: int = 0  # in a row
    opened: int = 0  # the number of openings in a row
    on_trial: int = 0  # the number of calls that must succeed before it is trusted again
    open_until: float = 0.0
    probing: bool = False

    def count_answer(self) -> None:
        """Count a call that was answered."""
        self.error_rate *= 1 - _WEIGHT
        self.failures = 0
        if self.on_trial:
            self.on_trial -= 1
            self.opened = self.opened if self.on_trial else 0

    def add_time(self, kind: Kind | None, seconds: float) -> AverageTime:
        """Add the time of a call; returns the average time of its kind."""
        self.overall.add(seconds)
        average = self.times.setdefault(kind, AverageTime())
        average.add(seconds)
        return average

    def count_failure(self) -> bool:
        """Count a failed call; True if the breaker should open."""
        self.error_rate += _WEIGHT * (1 - self.error_rate)
        self.failures += 1
        return self.failures >= _OPENS_AFTER or bool(self.on_trial)

    def open(self, now: float, share: float) -> None:
        """Open the breaker for a time that doubles each time, up to 30 s.

        `share` is a factor that differs between processes, so that they do not probe at the same time.
        """
        self.open_until = now + share * min(_MAX_OPEN_SECONDS, _OPEN_SECONDS * 2**self.opened)
        self.opened = min(self.opened + 1, _MAX_DOUBLINGS)
        self.on_trial = 0

    def close(self) -> None:
        """Close the breaker, so that calls use the endpoint on trial."""
        self.open_until, self.failures, self.probing = 0.0, 0, False
        self.on_trial = _TRIAL_CALLS
        self.times.clear()

    def probe_again(self, now: float, share: float) -> None:
        """Schedule the next probe after one that failed."""
        wait = min(_MAX_PROBE_SECONDS, _OPEN_SECONDS * 2**self.opened)
        self.opened = min(self.opened + 1, _MAX_DOUBLINGS)
        self.open_until, self.probing = now + share * wait, False

    def score(self, kind: Kind | None) -> float:
        """The expected seconds of a call, longer for a high error rate; 0 before the first call."""
        average = self.times.get(kind)
        return average.seconds * (1 + self.error_rate) if average else 0.0
