"""Turns concurrent calls of one kind into few batch calls.

A call costs each side the same whatever it carries, so under load one batch of many is many times
cheaper than many calls. A lone call goes straight out and gains nothing to wait for.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from services.shared.errors import DeadlineExceeded, Internal, TamsError, Unavailable

Q = TypeVar("Q")
R = TypeVar("R")

MAX_ITEMS: Final = 256
MAX_IN_FLIGHT: Final = 2
# Far above what the connection limit lets in; a bound all the same.
MAX_WAITING: Final = 8192

Single = Callable[[Q], Awaitable[R]]
Batch = Callable[[Sequence[Q]], Awaitable[Sequence[R | TamsError]]]


class Coalescer(Generic[Q, R]):
    """Calls `single` when idle, else gathers calls until one of the batches in flight returns.

    A batch has MAX_ITEMS at most, which `weigh` no more than `max_weight` together unless one alone
    does; `max_in_flight` of them are under way. A caller that goes away takes only its own call along.
    Items waiting for a batch are given up after `deadline_seconds`.
    """

    def __init__(
        self,
        single: Single[Q, R],
        batch: Batch[Q, R],
        *,
        deadline_seconds: float,
        max_in_flight: int = MAX_IN_FLIGHT,
        max_weight: int = MAX_ITEMS,
        weigh: Callable[[Q], int] = lambda _: 1,
    ) -> None:
        self._single = single
        self._batch = batch
        self._deadline_seconds = deadline_seconds
        self._max_in_flight = max_in_flight
        self._max_weight = max_weight
        self._weigh = weigh
        self._in_flight = 0
        self._scheduled = False
        self._waiting: deque[tuple[Q, asyncio.Future[R], float]] = deque()
        self._running: set[asyncio.Task[None]] = set()

    async def __call__(self, request: Q) -> R:
        """The reply to one request, or the error that is its own."""
        if not self._in_flight and not self._waiting:
            self._in_flight += 1
            try:
                return await self._single(request)
            finally:
                self._landed()
        return await self._enqueue(request)

    def _enqueue(self, request: Q) -> asyncio.Future[R]:
        if len(self._waiting) >= MAX_WAITING:
            raise Unavailable("too many requests at once", reason="OVERLOADED")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        self._waiting.append((request, future, loop.time() + self._deadline_seconds))
        # Not at once: calls that arrive in the same turn of the loop come along.
        self._schedule()
        return future

    def _landed(self) -> None:
        self._in_flight -= 1
        self._schedule()

    def _schedule(self) -> None:
        if self._waiting and self._in_flight < self._max_in_flight and not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._launch)

    def _launch(self) -> None:
        self._scheduled = False
        items = self._take()
        if items:
            self._in_flight += 1
            task = asyncio.create_task(self._fly(items))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            self._schedule()

    def _take(self) -> list[tuple[Q, asyncio.Future[R]]]:
        now = asyncio.get_running_loop().time()
        items: list[tuple[Q, asyncio.Future[R]]] = []
        left = self._max_weight
        while self._waiting and len(items) < MAX_ITEMS:
            weight = self._weigh(self._waiting[0][0])
            if items and weight > left:
                break
            request, future, deadline = self._waiting.popleft()
            if future.done():
                continue
            left -= weight
            if deadline < now:
                future.set_exception(DeadlineExceeded("waited too long for its turn"))
            else:
                items.append((request, future))
        return items

    async def _fly(self, items: Sequence[tuple[Q, asyncio.Future[R]]]) -> None:
        try:
            replies = await self._batch([request for request, _ in items])
            if len(replies) != len(items):
                raise Internal(f"{len(replies)} replies to a batch of {len(items)}")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is every caller's answer
            _settle(items, [error] * len(items))
        else:
            _settle(items, replies)
        finally:
            self._landed()


def _settle(items: Sequence[tuple[Q, asyncio.Future[R]]], replies: Sequence[R | Exception]) -> None:
    for (_, future), reply in zip(items, replies, strict=True):
        if future.done():
            continue
        if isinstance(reply, Exception):
            future.set_exception(reply)
        else:
            future.set_result(reply)
