"""Which endpoint to ask: health of each, ways to choose, and a breaker that keeps calls off dead ones."""

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from time import monotonic
from typing import Final, NamedTuple

from services.shared.vast.plans import Kind

# How much one call counts in the running averages.
_WEIGHT: Final = 0.2
# Every so many turns the one that was not asked for longest is: it may have become quick again.
_LOOK_AROUND: Final = 50
_OPENS_AFTER: Final = 3  # failures in a row
_OPEN_SECONDS: Final = 1.0
_MAX_OPEN_SECONDS: Final = 30.0
# A try that nobody reports on is given up after as long as a call may take.
_TRY_SECONDS: Final = 30.0


class Strategy(Enum):
    """How to choose among endpoints that are well."""

    ROUND_ROBIN = "round robin"
    LEAST_LATENCY = "least latency"
    TWO_CHOICES = "the quicker of two drawn at random"


# Point reads go where they are quick, scans spread evenly; of writes, whose length differs, two choices
# avoid both a slow endpoint and that all writers run to the same quick one.
STRATEGIES: Final = {
    Kind.POINT: Strategy.LEAST_LATENCY,
    Kind.PAGE: Strategy.TWO_CHOICES,
    Kind.SCAN: Strategy.ROUND_ROBIN,
}
WRITES: Final = Strategy.TWO_CHOICES


class Health(NamedTuple):
    """How an endpoint has been doing."""

    endpoint: str
    latency_seconds: float
    error_rate: float
    failures_in_a_row: int
    open: bool  # calls are kept off it


@dataclass(slots=True)
class _State:
    endpoint: str
    latency: float = 0.0
    error_rate: float = 0.0
    failures: int = 0
    opened: int = 0  # times in a row that the breaker opened
    open_until: float = 0.0
    probing: bool = False
    asked: int = 0  # the turn in which it was asked last


class Endpoints:
    """The endpoints of one cluster. Thread-safe.

    After three failures in a row an endpoint is left alone for about a second, then one call tries it; each
    failed try doubles the time, up to half a minute. When all are left alone, the next due one is asked.
    """

    def __init__(
        self, endpoints: Sequence[str], *, clock: Callable[[], float] = monotonic, seed: int | None = None
    ) -> None:
        self._states = {one: _State(one) for one in endpoints}
        self._clock = clock
        self._random = random.Random(seed)  # noqa: S311 - spreads load
        self._lock = threading.Lock()
        self._turn = 0

    def choose(self, strategy: Strategy, avoid: frozenset[str] = frozenset()) -> str:
        """An endpoint to ask, not one of `avoid` if there is another."""
        with self._lock:
            now = self._clock()
            usable = [state for state in self._states.values() if self._usable(state, now)]
            fresh = [state for state in usable if state.endpoint not in avoid]
            chosen = self._pick(strategy, fresh) if fresh else self._last_resort(usable, avoid)
            chosen.asked = self._turn
            if chosen.open_until:
                chosen.probing = True
                chosen.open_until = now + _TRY_SECONDS
            return chosen.endpoint

    def live(self) -> list[str]:
        """Endpoints that calls are not kept off, at least one."""
        with self._lock:
            live = [one.endpoint for one in self._states.values() if not one.open_until]
            return live or [self._last_resort([], frozenset()).endpoint]

    def succeeded(self, endpoint: str, seconds: float) -> None:
        """Count a call that was answered, if only with a refusal."""
        with self._lock:
            state = self._states[endpoint]
            state.latency += _WEIGHT * (seconds - state.latency) if state.latency else seconds
            state.error_rate *= 1 - _WEIGHT
            state.failures = state.opened = 0
            state.open_until, state.probing = 0.0, False

    def failed(self, endpoint: str) -> None:
        """Count a call that was not answered."""
        with self._lock:
            state = self._states[endpoint]
            state.error_rate += _WEIGHT * (1 - state.error_rate)
            state.failures += 1
            # Calls that were under way when it was left alone tell nothing new.
            if state.failures >= _OPENS_AFTER and (state.probing or not state.open_until):
                wait = min(_MAX_OPEN_SECONDS, _OPEN_SECONDS * 2**state.opened)
                state.open_until = self._clock() + wait * self._random.uniform(0.8, 1.0)
                state.opened = min(state.opened + 1, 10)
                state.probing = False

    def health(self) -> list[Health]:
        """How each endpoint has been doing."""
        with self._lock:
            return [
                Health(one.endpoint, one.latency, one.error_rate, one.failures, one.open_until > 0)
                for one in self._states.values()
            ]

    @staticmethod
    def _usable(state: _State, now: float) -> bool:
        return not state.open_until or state.open_until <= now

    def _pick(self, strategy: Strategy, states: list[_State]) -> _State:
        self._turn += 1
        # An endpoint that is due for a try gets it: nothing else would tell that it is back.
        due = [state for state in states if state.open_until]
        if due:
            return due[0]
        if self._turn % _LOOK_AROUND == 0:
            return min(states, key=lambda state: state.asked)
        if strategy is Strategy.ROUND_ROBIN:
            return states[self._turn % len(states)]
        if strategy is Strategy.TWO_CHOICES and len(states) > 1:
            states = self._random.sample(states, 2)
        # Those never asked have latency 0: they are asked first.
        best = min(state.latency * (1 + state.error_rate) for state in states)
        near = [state for state in states if state.latency * (1 + state.error_rate) <= best * 1.2]
        return near[self._turn % len(near)]

    def _last_resort(self, usable: list[_State], avoid: frozenset[str]) -> _State:
        states = usable or list(self._states.values())
        preferred = [state for state in states if state.endpoint not in avoid] or states
        return min(preferred, key=lambda state: state.open_until)
