"""Combines concurrent calls of one method into few batch calls.

Most of the cost of a call does not depend on its size, so under load one batch is many times cheaper than
many calls. A call that comes while no other is in flight is sent at once. One beside others is sent when as
many requests wait as the last one carried: two calls of four run at a time, not one of seven and one of one.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from services.shared.errors import DeadlineExceeded, Internal, TamsError, Unavailable
from services.shared.outcomes import Outcome, settle
from services.shared.telemetry.metrics import COUNTS, Distribution, Metrics
from services.shared.telemetry.trace import current

Q = TypeVar("Q")
R = TypeVar("R")

MAX_ITEMS: Final = 256
MAX_IN_FLIGHT: Final = 2
# The number of requests that may wait for a batch. The limit of connections is usually reached first.
MAX_WAITING: Final = 8192
# Then requests no longer wait for others to join them: the call in flight may hang.
_PATIENCE_SECONDS: Final = 0.01

Single = Callable[[Q], Awaitable[R]]
Batch = Callable[[Sequence[Q]], Awaitable[Sequence[R | TamsError]]]


def sizes_of_batches(metrics: Metrics, method: str) -> Distribution:
    """The numbers of requests in the calls of a method, for a Coalescer."""
    family = metrics.histogram(
        "tams_batch_size", "The requests that one call to a service carried.", "method", bounds=COUNTS
    )
    return family.cell(method)


class Coalescer(Generic[Q, R]):
    """Calls `single` if no call is in flight, else collects requests until a call returns.

    A batch has at most MAX_ITEMS requests whose weights, given by `weigh`, add up to at most `max_weight`; a
    heavier request forms a batch alone. At most `max_in_flight` calls run at once. If a caller is cancelled,
    only its own request is dropped. A request that waits longer than `deadline_seconds` fails with
    DeadlineExceeded, and one beyond MAX_WAITING with Unavailable OVERLOADED. `sizes` counts the requests of
    each call.
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
        sizes: Distribution,
    ) -> None:
        self._single = single
        self._batch = batch
        self._deadline_seconds = deadline_seconds
        self._max_in_flight = max_in_flight
        self._max_weight = max_weight
        self._weigh = weigh
        self._sizes = sizes
        self._in_flight = 0
        self._scheduled = False
        self._last_size = 1
        self._impatience: asyncio.TimerHandle | None = None
        self._waiting: deque[tuple[Q, asyncio.Future[R], float]] = deque()
        self._running: set[asyncio.Task[None]] = set()

    async def __call__(self, request: Q) -> R:
        """The reply to the request; raises its error."""
        if (not self._in_flight and not self._waiting) or _is_traced():
            self._in_flight += 1
            self._last_size = 1
            self._sizes.observe(1)
            try:
                return await self._single(request)
            finally:
                self._call_ended()
        return await self._enqueue(request)

    def _enqueue(self, request: Q) -> asyncio.Future[R]:
        if len(self._waiting) >= MAX_WAITING:
            raise Unavailable("too many requests at once", reason="OVERLOADED")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        self._waiting.append((request, future, loop.time() + self._deadline_seconds))
        self._schedule()
        return future

    def _call_ended(self) -> None:
        self._in_flight -= 1
        self._schedule()

    def _schedule(self) -> None:
        if not self._waiting or self._in_flight >= self._max_in_flight or self._scheduled:
            return
        loop = asyncio.get_running_loop()
        if not self._in_flight or len(self._waiting) >= self._last_size:
            self._scheduled = True
            # Not at once, so that requests of the same turn of the event loop join the batch.
            loop.call_soon(self._start_batch)
        elif self._impatience is None:
            self._impatience = loop.call_later(_PATIENCE_SECONDS, self._start_late)

    def _start_late(self) -> None:
        self._impatience = None
        if self._in_flight < self._max_in_flight and not self._scheduled:
            self._start_batch()

    def _start_batch(self) -> None:
        self._scheduled = False
        if self._impatience is not None:
            self._impatience.cancel()
            self._impatience = None
        items = self._take()
        if items:
            self._in_flight += 1
            self._last_size = len(items)
            self._sizes.observe(len(items))
            task = asyncio.create_task(self._call_batch(items))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            self._schedule()

    def _take(self) -> list[tuple[Q, asyncio.Future[R]]]:
        now = asyncio.get_running_loop().time()
        items: list[tuple[Q, asyncio.Future[R]]] = []
        weight_left = self._max_weight
        while self._waiting and len(items) < MAX_ITEMS:
            weight = self._weigh(self._waiting[0][0])
            if items and weight > weight_left:
                break
            request, future, deadline = self._waiting.popleft()
            if future.done():
                continue
            weight_left -= weight
            if deadline < now:
                future.set_exception(DeadlineExceeded("the request waited too long to be sent"))
            else:
                items.append((request, future))
        return items

    async def _call_batch(self, items: Sequence[tuple[Q, asyncio.Future[R]]]) -> None:
        try:
            replies = await self._batch([request for request, _ in items])
            if len(replies) != len(items):
                raise Internal(f"{len(replies)} replies to a batch of {len(items)}")
        except Exception as error:  # noqa: BLE001 - every caller gets it
            settle(Outcome(future, error=error) for _, future in items)
        else:
            settle(_outcome(future, reply) for (_, future), reply in zip(items, replies, strict=True))
        finally:
            self._call_ended()


def _is_traced() -> bool:
    """True if the current request is recorded. It is sent alone, so that its trace shows its own call."""
    trace = current.get()
    return trace is not None and trace.sampled


def _outcome(future: asyncio.Future[R], reply: R | TamsError) -> Outcome:
    return Outcome(future, error=reply) if isinstance(reply, TamsError) else Outcome(future, reply)
