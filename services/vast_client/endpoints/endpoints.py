"""Chooses endpoints by their health and speed.

docs/decisions/vast-balancing.md explains the choice between two random endpoints.
"""

import random
import threading
from collections.abc import Callable, Sequence
from statistics import median
from time import monotonic
from typing import Final, NamedTuple

from services.vast_client.endpoints.breaker import Signal, State
from services.vast_client.endpoints.pace import equal_limit
from services.vast_client.plans import Kind

# After this number of turns the least recently used endpoint is chosen, because it may be fast again.
_EXPLORE_TURNS: Final = 50


class Health(NamedTuple):
    """The health of an endpoint. The error rate is a running average from 0 to 1."""

    endpoint: str
    latency_seconds: float
    error_rate: float
    failures_in_a_row: int
    open: bool  # calls avoid it


class Endpoints:
    """The endpoints of one cluster. Thread-safe.

    Calls avoid an endpoint after three failures in a row, and if it is far slower than other healthy
    endpoints. Probes in the background find out when it is healthy again. Each time that a probe fails, or
    that it fails soon afterwards, it is avoided for a longer time. If all endpoints are to be avoided, the
    one with the next probe is used. `on_open` is called when an endpoint begins to be avoided.
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        *,
        clock: Callable[[], float] = monotonic,
        seed: int | None = None,
        on_open: Callable[[], None] = lambda: None,
    ) -> None:
        self._states = {endpoint: State(endpoint) for endpoint in endpoints}
        self._clock = clock
        self._random = random.Random(seed)  # noqa: S311 - spreads load
        self._lock = threading.Lock()
        self._on_open = on_open
        self._turn = 0

    def choose(self, kind: Kind | None, avoid: frozenset[str] = frozenset()) -> str:
        """An endpoint for work of a kind, None for changes; not one of `avoid` if another is healthy."""
        with self._lock:
            healthy = self._healthy()
            candidates = [state for state in healthy if state.endpoint not in avoid]
            chosen = self._pick(kind, candidates) if candidates else self._last_resort(healthy, avoid)
            chosen.last_turns[kind] = self._turn
            return chosen.endpoint

    def has_other(self, tried: frozenset[str]) -> bool:
        """True if there is a healthy endpoint besides those tried, or any other one if none is healthy."""
        with self._lock:
            states = self._healthy() or self._states.values()
            return any(state.endpoint not in tried for state in states)

    def usable(self) -> list[str]:
        """The healthy endpoints, or the one with the next probe if none is healthy."""
        with self._lock:
            healthy = [state.endpoint for state in self._healthy()]
            return healthy or [self._last_resort([], frozenset()).endpoint]

    def usual_seconds(self, kind: Kind | None) -> float:
        """The usual seconds of work of a kind on healthy endpoints; 0 if unknown."""
        with self._lock:
            return _usual_seconds(self._healthy(), kind)

    def record_answer(self, endpoint: str) -> None:
        """Count a call that was answered, also with a refusal."""
        with self._lock:
            state = self._states[endpoint]
            state.count_answer()
            # If others are healthy, only a probe closes the breaker, because this answer may have come late.
            if state.open_until and not self._healthy():
                state.close()

    def record_time(self, endpoint: str, kind: Kind | None, seconds: float) -> None:
        """Add the time of work of a kind."""
        with self._lock:
            state = self._states[endpoint]
            average = state.add_time(kind, seconds)
            others = [other for other in self._healthy() if other is not state]
            usual = _usual_seconds(others, kind)
            opens = usual > 0 and not state.open_until and average.is_slow(usual)
            if opens:
                self._open(state)
        if opens:
            self._on_open()

    def record_failure(self, endpoint: str, signal: Signal = Signal.FAILED) -> None:
        """Count a call that was not answered, or not in time."""
        with self._lock:
            state = self._states[endpoint]
            opens = state.count_failure()
            has_others = any(other is not state for other in self._healthy())
            # If the breaker is open already, this is a call that started before.
            opens = (opens or (signal is Signal.LATE and has_others)) and not state.open_until
            if opens:
                self._open(state)
        if opens:
            self._on_open()

    def take_due(self) -> list[str]:
        """The endpoints to probe now; each is returned once until `record_probe`."""
        with self._lock:
            now = self._clock()
            due = [
                state for state in self._states.values() if 0 < state.open_until <= now and not state.probing
            ]
            for state in due:
                state.probing = True
            return [state.endpoint for state in due]

    def record_probe(self, endpoint: str, seconds: float | None) -> None:
        """Record the time of a probe, None if it failed."""
        with self._lock:
            state = self._states[endpoint]
            if not state.open_until:
                state.probing = False
            elif seconds is None:
                state.probe_again(self._clock(), self._share())
            else:
                state.close()

    def next_probe(self) -> float | None:
        """The seconds until the next probe; None if no endpoint needs one."""
        with self._lock:
            times = [
                state.open_until for state in self._states.values() if state.open_until and not state.probing
            ]
            return max(0.0, min(times) - self._clock()) if times else None

    def health(self) -> list[Health]:
        """The health of each endpoint."""
        with self._lock:
            return [
                Health(
                    state.endpoint,
                    state.overall.seconds,
                    state.error_rate,
                    state.failures,
                    state.open_until > 0,
                )
                for state in self._states.values()
            ]

    def _healthy(self) -> list[State]:
        return [state for state in self._states.values() if not state.open_until]

    def _open(self, state: State) -> None:
        state.open(self._clock(), self._share())

    def _share(self) -> float:
        return self._random.uniform(0.8, 1.0)

    def _pick(self, kind: Kind | None, states: list[State]) -> State:
        """The faster of two random endpoints; the least recently used one if they are equally fast."""
        self._turn += 1
        if self._turn % _EXPLORE_TURNS:
            states = self._random.sample(states, min(2, len(states)))
            # An endpoint that was never used has the score 0, so it is used first.
            limit = equal_limit(min(state.score(kind) for state in states))
            states = [state for state in states if state.score(kind) <= limit]
        return min(states, key=lambda state: state.last_turns.get(kind, 0))

    def _last_resort(self, healthy: list[State], avoid: frozenset[str]) -> State:
        states = healthy or list(self._states.values())
        preferred = [state for state in states if state.endpoint not in avoid] or [
            state for state in self._states.values() if state.endpoint not in avoid
        ]
        return min(preferred or states, key=lambda state: state.open_until)


def _usual_seconds(states: list[State], kind: Kind | None) -> float:
    averages = [state.times[kind].seconds for state in states if kind in state.times]
    return median(averages) if averages else 0.0
