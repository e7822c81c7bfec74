"""Sends the events of lagging keys, and probes a failing subscriber."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NoReturn

from services.events.application.ports import Page
from services.events.application.subscriber.lanes import LaggingKey, Lane
from services.events.application.subscriber.progress import MAX_BEHIND
from services.events.application.subscriber.state import SubscriptionState
from services.events.domain.subscriber import Message

_SINGLE_PAGE: Final = Page(1)
# Small, because the key may be refused again.
_SMALL_PAGE: Final = Page(10)
# For events that are too old to be sent.
_LARGE_PAGE: Final = Page(100)
_MAX_DEAD: Final = 500


def postpone(state: SubscriptionState, lane: Lane) -> None:
    """Remove a lane from the round after its first message was refused; its key lags from now on."""
    message = lane.waiting[0]
    _schedule(state, state.progress.leave_round(lane), message)


def _schedule(state: SubscriptionState, lagging: LaggingKey, message: Message) -> None:
    """Schedule the next attempt of a lagging key; `message` is its oldest unsettled message."""
    lagging.refusals += 1
    lagging.oldest_ns = message.time_ns
    lagging.due = asyncio.get_running_loop().time() + state.environment.backoff.pause(lagging.refusals)
    state.notify()


class Retries:
    """Sends the messages of lagging keys one at a time, in parallel to the rounds."""

    def __init__(self, state: SubscriptionState) -> None:
        self._state = state
        self._fresh_next = True
        # True if the last message of a failing subscriber was too old for another attempt.
        self._too_old = False

    async def run(self) -> NoReturn:
        """Try each lagging key when it is due, as long as the subscriber does not fail as a whole."""
        state = self._state
        while True:
            state.lag_changed.clear()
            lagging = min(state.progress.lagging(), key=lambda each: each.due, default=None)
            if state.health.failing or lagging is None:
                await state.lag_changed.wait()
                continue
            if (pause := lagging.due - asyncio.get_running_loop().time()) > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await state.lag_changed.wait()
                continue
            await self._next_of(lagging, _SMALL_PAGE)

    async def probe(self) -> None:
        """Make one attempt to reach a failing subscriber, alternating between lagging and other keys."""
        state = self._state
        lagging = state.progress.lagging()
        try_fresh = state.has_new_events and len(lagging) < MAX_BEHIND and (self._fresh_next or not lagging)
        self._fresh_next = not self._fresh_next
        if try_fresh and self._too_old:
            await self._give_up_fresh()
        elif try_fresh:
            await self._next_fresh()
        elif lagging:
            page = _LARGE_PAGE if self._too_old else _SINGLE_PAGE
            await self._next_of(min(lagging, key=lambda each: each.due), page)
        if not state.health.failing:
            self._resume()

    def _resume(self) -> None:
        """The subscriber was reached, so all lagging keys are due."""
        self._too_old = False
        for lagging in self._state.progress.lagging():
            lagging.due = 0.0
        self._state.notify()

    async def _next_fresh(self) -> None:
        """Try a message that was in no round yet. Its key lags until the message is accepted."""
        progress = self._state.progress
        batch = await self._state.pull(_SINGLE_PAGE)
        progress.seen = batch.seen
        for message in batch.messages:
            lagging = progress.behind[message.key] = LaggingKey(message.key, message.id - 1)
            await self._send(lagging, batch.messages)

    async def _give_up_fresh(self) -> None:
        """Give up messages that were in no round yet and are too old, without an attempt for each."""
        progress, attempts = self._state.progress, self._state.attempts
        batch = await self._state.pull(_LARGE_PAGE)
        seen = batch.seen
        for message in batch.messages:
            if not attempts.give_up_if_old(message, 0):
                self._too_old, seen = False, message.id - 1
                break
        progress.seen = seen
        self._state.mark_unsaved()
        await self._save_dead_letters()

    async def _next_of(self, lagging: LaggingKey, page: Page) -> None:
        """Try the next messages of a lagging key."""
        batch = await self._state.pull_key(lagging, page)
        if await self._send(lagging, batch.messages):
            lagging.mark = max(lagging.mark, batch.seen)
            if lagging.mark >= self._state.progress.seen:
                # The refused event may be gone, for instance because the owner no longer sees the flow.
                self._state.health.record_given_up(lagging.key)
            self._state.mark_unsaved()
        await self._save_dead_letters()

    async def _send(self, lagging: LaggingKey, messages: Sequence[Message]) -> bool:
        """Send the messages; True if all were accepted or given up. Stops if the subscriber fails."""
        attempts, health = self._state.attempts, self._state.health
        has_tried = False
        for message in messages:
            is_attempt = not (has_tried and health.failing)
            if is_attempt:
                has_tried = True
                if await attempts.send(message):
                    lagging.settle(message.id)
                    self._state.mark_unsaved()
                    continue
            if not attempts.give_up_if_old(message, lagging.refusals + is_attempt):
                _schedule(self._state, lagging, message)
                return False
            self._too_old = health.failing
            lagging.settle(message.id)
            self._state.mark_unsaved()
        return True

    async def _save_dead_letters(self) -> None:
        """Acknowledge now if there are many dead letters."""
        if len(self._state.attempts.dead) >= _MAX_DEAD:
            await self._state.acknowledge()
