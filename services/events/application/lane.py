"""Messages of one key, one after the other."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from services.events.domain.subscriber import Message


class Lane:
    """What waits of a flow or source, and the id up to which its events are settled.

    `failing` since its first message was refused. `stir` is called whenever that or its task changes.
    """

    def __init__(self, key: str, mark: int, messages: Iterable[Message], stir: Callable[[], None]) -> None:
        self.key = key
        self.mark = mark
        self.waiting = deque(messages)
        self.failing = False
        self._stir = stir
        self._task: asyncio.Task[None] | None = None

    def start(self, work: Callable[["Lane"], asyncio.Task[None]]) -> None:
        """Begin, or go on."""
        self._task = work(self)
        self._task.add_done_callback(lambda _: self._stir())

    @property
    def done(self) -> bool:
        """Whether its task has come to an end; raises what ended it, unless that was its end."""
        if self._task is None or not self._task.done():
            return False
        self._task.result()
        return True

    def refused(self) -> None:
        """Its first message was not taken."""
        self.failing = True
        self._stir()

    def settle(self) -> None:
        """Its first message is done with."""
        self.mark = self.waiting.popleft().id

    def forget_rest(self) -> None:
        """Keep the first message alone; the others can be pulled again."""
        while len(self.waiting) > 1:
            self.waiting.pop()

    async def stop(self) -> None:
        """End its task, whatever it does."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
