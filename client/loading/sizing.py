"""How many rows go into the next batch."""

from dataclasses import dataclass
from typing import Final

# A batch is one transaction that others wait for: it should take no longer than this.
TARGET_SECONDS: Final = 0.1
# A body may have 16 MiB by default; the store's other limit is a count.
MAX_BYTES: Final = 8 * 1024 * 1024
MAX_ROWS: Final = 50_000


@dataclass
class BatchSize:
    """Grows while batches are quick, halves when one is slow or too large."""

    rows: int = 1000

    def took(self, seconds: float, rows: int) -> None:
        """A batch of so many rows took so long."""
        if seconds > 2 * TARGET_SECONDS:
            self.halve()
        elif seconds < TARGET_SECONDS and rows >= self.rows:
            self.rows = min(MAX_ROWS, self.rows * 2)

    def halve(self) -> None:
        """A batch was too large."""
        self.rows = max(1, self.rows // 2)
