"""A limit of time for tasks, which share one timer.

Most tasks that wait for a body have it within microseconds. A timer for each would cost more than the body.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

T = TypeVar("T")


class TimeLimit:
    """Lets a task wait for something, for `seconds` at most."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        # The time at which each waiting task is interrupted, by the clock of the event loop, earliest first.
        self._deadlines: dict[asyncio.Task[Any] | None, float] = {}
        self._is_watched = False

    async def wait_for(self, awaited: Awaitable[T]) -> T:
        """The result of what is awaited; TimeoutError if it takes longer than the limit."""
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        self._deadlines[task] = deadline = loop.time() + self.seconds
        if not self._is_watched:
            self._is_watched = True
            loop.call_at(deadline, self._interrupt, loop)
        try:
            return await awaited
        except asyncio.CancelledError:
            if task is None or task in self._deadlines or task.uncancel() > 0:
                raise
            raise TimeoutError from None
        finally:
            self._deadlines.pop(task, None)

    def _interrupt(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cancel the tasks that have waited too long, and come back for the next one."""
        self._is_watched = False
        now = loop.time()
        for task, deadline in list(self._deadlines.items()):
            if deadline > now:
                self._is_watched = True
                loop.call_at(deadline, self._interrupt, loop)
                return
            del self._deadlines[task]
            if task is not None:
                task.cancel()
