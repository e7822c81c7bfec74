"""Chooses the number of rows of the next batch."""

from typing import Final

# A batch is one transaction, and other writers wait for it: it should take no longer than this, unless most
# of the time does not depend on its size.
TARGET_SECONDS: Final = 0.1
# The default limit of a body is 16 MiB; the store also limits the number of rows.
MAX_BYTES: Final = 8 * 1024 * 1024
MAX_ROWS: Final = 50_000

# Halving is worth it if half the rows take at most this part of the time. The rows then still take three
# times as long as the transaction itself.
_WORTH: Final = 0.57
# A measurement is too old after this many batches.
_MAX_AGE: Final = 12


class BatchSize:
    """Doubles while batches are quick; halves while they are slow, if that about halves the time."""

    def __init__(self, rows: int = 1000) -> None:
        self.rows = rows
        self._batches = 0
        # By the power of two of the size: the seconds and the number of the last batch of this size.
        self._took: dict[int, tuple[float, int]] = {}

    def took(self, seconds: float, rows: int) -> None:
        """Note the duration of a batch."""
        slow = seconds > 2 * TARGET_SECONDS
        if rows < self.rows:
            if not slow:
                return  # the last batch, or a batch of long rows: it says nothing about this size
            self.rows = rows
        self._batches += 1
        self._took[rows.bit_length()] = (seconds, self._batches)
        if self._is_too_small(seconds):
            self.rows = min(MAX_ROWS, self.rows * 2)
        elif slow and self._is_worth_halving(seconds):
            self.halve()

    def halve(self) -> None:
        """Note that a batch was too large."""
        self.rows = max(1, self.rows // 2)

    def _is_too_small(self, seconds: float) -> bool:
        half, double = self._seconds_of(-1), self._seconds_of(1)
        if seconds < TARGET_SECONDS:
            return True
        if double is not None:
            return seconds > _WORTH * double
        if half is not None:
            return half > _WORTH * seconds
        # There is no measurement: try the larger size, unless the smaller one is tried next.
        return self.rows == 1 or seconds <= 2 * TARGET_SECONDS

    def _is_worth_halving(self, seconds: float) -> bool:
        half = self._seconds_of(-1)
        return half is None or half <= _WORTH * seconds

    def _seconds_of(self, power: int) -> float | None:
        """The seconds of a recent batch of half this size (-1) or double (1); None without such a batch."""
        seconds, batch = self._took.get(self.rows.bit_length() + power, (0.0, -_MAX_AGE))
        return seconds if self._batches - batch < _MAX_AGE else None
