"""Waiting for what happens soon."""

import asyncio
import time
from collections.abc import Awaitable, Callable

DEADLINE_SECONDS = 30.0


async def until(holds: Callable[[], Awaitable[bool]], *, pause: float = 0.01) -> None:
    """Return when the condition holds; fail when it does not within the deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not await holds():
        assert time.monotonic() < deadline, f"{holds} did not hold within {DEADLINE_SECONDS} s"
        await asyncio.sleep(pause)
