"""Pauses between attempts."""

import random
from typing import NamedTuple


class Backoff(NamedTuple):
    """Doubles the pause with each refusal up to the longest, with 25 % jitter."""

    first_seconds: float = 1.0
    longest_seconds: float = 30.0

    def pause(self, refusals: int) -> float:
        """The pause in seconds after a number of refusals in a row, at least 1."""
        # 20 doublings exceed any longest pause, and many more would exceed a float.
        doubled: float = self.first_seconds * 2 ** min(refusals - 1, 20)
        return min(doubled, self.longest_seconds) * random.uniform(0.75, 1.25)  # noqa: S311 - not a secret
