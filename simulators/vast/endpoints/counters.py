"""Counts requests by operation, for tests that limit the number of requests."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class RequestCounter:
    """Counts by the name of the operation. The thread of the server writes, all threads read."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: Counter[str] = Counter()

    def add(self, operation: str) -> None:
        """Counts a request, before its outcome is known."""
        with self._lock:
            self._counts[operation] += 1

    def counts(self) -> Counter[str]:
        """Returns a copy of the counts."""
        with self._lock:
            return self._counts.copy()

    @contextmanager
    def counting(self) -> Iterator[Counter[str]]:
        """Yields a counter that has, after the block, the requests during the block."""
        before, within = self.counts(), Counter[str]()
        yield within
        within.update(self.counts() - before)
