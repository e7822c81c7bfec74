"""Counts replies and measures their times."""

import itertools
import time
from collections.abc import Iterator

from bench.load import Outcome, Plan

_SHOWN = 300


class Tally:
    """The requests that are left, and the times of the replies."""

    def __init__(self, plan: Plan) -> None:
        source = itertools.cycle(plan.requests) if plan.repeat else plan.requests
        self._requests: Iterator[bytes] = iter(source)
        self._seconds = plan.seconds
        self._times: list[float] = []
        self._errors = 0
        self._first_error = ""

    def start(self) -> None:
        """Start the time."""
        self._started = time.perf_counter()
        self._deadline = self._started + self._seconds

    def next(self) -> bytes | None:
        """The next request; None at the end."""
        if time.perf_counter() >= self._deadline:
            return None
        return next(self._requests, None)

    def reply(self, sent: float) -> None:
        """Count a reply to a request that was sent at the time `sent`."""
        self._times.append(time.perf_counter() - sent)

    def error(self, text: str) -> None:
        """Count a reply that was not a success."""
        self._errors += 1
        self._first_error = self._first_error or text[:_SHOWN]

    def outcome(self) -> Outcome:
        """The outcome so far."""
        seconds = time.perf_counter() - self._started
        times = sorted(self._times)
        p50, p99 = (times[int(len(times) * part)] * 1000 if times else 0.0 for part in (0.5, 0.99))
        return Outcome(len(times), seconds, p50, p99, self._errors, self._first_error)
