"""How many requests of each operation arrived; what tests of request budgets read."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class RequestCounter:
    """Counts by operation name; written by the server's thread, read by any."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: Counter[str] = Counter()

    def add(self, operation: str) -> None:
        """Counts one request, whether it will succeed or not."""
        with self._lock:
            self._counts[operation] += 1

    def counts(self) -> Counter[str]:
        """Returns a copy of what was counted so far."""
        with self._lock:
            return self._counts.copy()

    @contextmanager
    def counting(self) -> Iterator[Counter[str]]:
        """Yields a counter that holds, when the block ends, what arrived within it."""
        before, within = self.counts(), Counter[str]()
        yield within
        within.update(self.counts() - before)
