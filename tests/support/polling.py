"""Waiting for what happens soon."""

import asyncio
import inspect
import time
from collections.abc import Callable

# Far more than it takes: how long says more about the machine than about the code.
DEADLINE_SECONDS = 120.0


async def until(holds: Callable[[], object], *, pause: float = 0.01) -> None:
    """Return when the condition, plain or async, holds; fail when it does not within the deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not await _outcome(holds):
        assert time.monotonic() < deadline, f"{holds} did not hold within {DEADLINE_SECONDS} s"
        await asyncio.sleep(pause)


async def _outcome(holds: Callable[[], object]) -> object:
    outcome = holds()
    return await outcome if inspect.isawaitable(outcome) else outcome
