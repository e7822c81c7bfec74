"""Waits for conditions."""

import asyncio
import inspect
import time
from collections.abc import Callable

# Much more than needed, as the duration depends more on the machine than on the code.
DEADLINE_SECONDS = 120.0


async def until(holds: Callable[[], object], *, pause: float = 0.01) -> None:
    """Wait until a condition, plain or async, holds. AssertionError if it does not within the deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not await _outcome(holds):
        assert time.monotonic() < deadline, f"{holds} did not hold within {DEADLINE_SECONDS} s"
        await asyncio.sleep(pause)


async def _outcome(holds: Callable[[], object]) -> object:
    outcome = holds()
    return await outcome if inspect.isawaitable(outcome) else outcome
