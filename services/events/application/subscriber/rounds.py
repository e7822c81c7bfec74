"""Rounds of a working subscriber: each is one page of messages, with several keys in parallel."""

import asyncio
from collections import deque
from typing import Final

from services.events.application.ports import Page
from services.events.application.subscriber.lanes import Lane, lanes_of
from services.events.application.subscriber.retries import postpone
from services.events.application.subscriber.state import SubscriptionState

# A page grows from the first size to the largest while the subscriber accepts its messages.
_FIRST_PAGE: Final = 4
_LARGEST_PAGE: Final = 100


class Rounds:
    """Runs one round after the other. A new subscriber begins with one message."""

    def __init__(self, state: SubscriptionState) -> None:
        self._state = state
        self._page = 1
        self._lanes = 1
        self.reset_page()

    def reset_page(self) -> None:
        """Begin with a small page after an idle time, because the subscriber may have changed."""
        if self._state.health.working:
            self._page, self._lanes = _FIRST_PAGE, self._state.environment.lanes

    async def next(self) -> None:
        """Run one round, until the messages of each key are settled or the key lags."""
        state, progress = self._state, self._state.progress
        batch = await state.pull(Page(self._page))
        progress.seen = batch.seen
        progress.round = lanes_of(batch.messages)
        await self._deliver(deque(progress.round))
        for lane in progress.round:
            if lane.waiting:
                progress.leave_round(lane)
        progress.round = []
        self._adapt()
        if not state.health.has_refusals:
            state.mark_unsaved()

    def _adapt(self) -> None:
        health = self._state.health
        if not health.working:
            self._page = self._lanes = 1
        elif health.has_refusals:
            self._page = _FIRST_PAGE
        else:
            self._page = min(4 * self._page, _LARGEST_PAGE)
            self._lanes = min(2 * self._lanes, self._state.environment.lanes)

    async def _deliver(self, lanes: deque[Lane]) -> None:
        if len(lanes) == 1 or self._lanes == 1:
            await self._work(lanes)
            return
        wanted = min(self._lanes, len(lanes)) - 1
        with self._state.environment.limits.extra_attempts(wanted) as extra:
            async with asyncio.TaskGroup() as group:
                for _ in range(1 + extra):
                    group.create_task(self._work(lanes))

    async def _work(self, lanes: deque[Lane]) -> None:
        """Deliver one lane after the other, until none is left or the subscriber fails."""
        while lanes and not self._state.health.failing:
            await self._send_all(lanes.popleft())

    async def _send_all(self, lane: Lane) -> None:
        attempts, health = self._state.attempts, self._state.health
        while lane.waiting and not health.failing:
            message = lane.waiting[0]
            if await attempts.send(message) or attempts.give_up_if_old(message, 1):
                lane.settle()
                self._state.mark_unsaved()
            else:
                postpone(self._state, lane)
