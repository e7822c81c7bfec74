"""Counts the requests of each caller that are in progress."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.shared.errors import Exhausted


class InProgress:
    """Admits at most `limit` requests of a caller at a time. The limit may change at any time."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        # Only callers with a request in progress, so connections bound the number of them.
        self._counts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._counts)

    @contextmanager
    def request_of(self, name: str) -> Iterator[None]:
        """Count a request of a caller until the block ends. Exhausted TOO_MANY_CONCURRENT."""
        count = self._counts.get(name, 0)
        if count >= self.limit:
            raise Exhausted(
                f"{name} has {count} requests in progress, and may have {self.limit}",
                reason="TOO_MANY_CONCURRENT",
            )
        self._counts[name] = count + 1
        try:
            yield
        finally:
            if self._counts[name] == 1:
                del self._counts[name]
            else:
                self._counts[name] -= 1
