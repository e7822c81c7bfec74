"""Runs coroutines in the background of a block, and repeats work."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from random import uniform
from typing import Any, Final, NoReturn

from services.shared.errors import TamsError

# Avoids an overflow of the pause after many failures.
_MAX_DOUBLINGS: Final = 16
_log = logging.getLogger(__name__)


@asynccontextmanager
async def background(*work: Coroutine[Any, Any, object]) -> AsyncIterator[None]:
    """Run the coroutines in the background of the block, and cancel them at its end.

    If a coroutine fails, the block is cancelled and raises the first error, with the others as notes.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(coroutine) for coroutine in work]
            yield
            for task in tasks:
                task.cancel()
    except BaseExceptionGroup as failures:
        first, *others = failures.exceptions
        for other in others:
            first.add_note(f"failed at the same time: {other!r}")
        raise first from None


async def repeat(
    purpose: str,
    work: Callable[[], Awaitable[float]],
    *,
    pause_seconds: float,
    longest_pause_seconds: float | None = None,
) -> NoReturn:
    """Call `work` repeatedly until cancelled. Each call returns the seconds to pause after it.

    If a call raises a TamsError, the next follows after `pause_seconds`. With a longest pause, each further
    failure in a row doubles the pause up to that. Pauses after failures are cut by up to a half at random.
    "cannot {purpose}" is logged when failures begin or their reason changes, "can {purpose} again" when they
    end.
    """
    failures, reason = 0, ""
    while True:
        try:
            pause = await work()
        except TamsError as error:
            longest = longest_pause_seconds or pause_seconds
            # Drawn from the upper half, so that replicas do not come back at the same time.
            cut = uniform(0.5, 1.0)  # noqa: S311 - no secret
            pause = cut * min(pause_seconds * 2 ** min(failures, _MAX_DOUBLINGS), longest)
            if not failures or reason != error.summary:
                cause = {"cause": str(error.__cause__)} if error.__cause__ else {}
                _log.warning("cannot %s", purpose, extra={"reason": error.summary, "pause": pause, **cause})
            failures, reason = failures + 1, error.summary
        else:
            if failures:
                _log.info("can %s again", purpose, extra={"failures": failures})
            failures = 0
        await asyncio.sleep(pause)
