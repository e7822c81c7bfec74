"""Delivery of one message after another: retries, and giving up."""

import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter

from services.events.application.ports import Sender, Undelivered
from services.events.domain.subscriber import DeadLetter, Message, Subscriber

_log = logging.getLogger("tams.events")

FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 60.0

# Where an attempt may begin: what is entered around each of them.
Places = Callable[[], AbstractAsyncContextManager[object]]


class Delivery:
    """Sends a message, and tries again until it is too old.

    `give_up_seconds` is the age at which a message becomes a dead letter, `first_wait_seconds` the pause
    after the first attempt, about doubled after each other one.
    """

    def __init__(
        self, sender: Sender, *, give_up_seconds: float, first_wait_seconds: float = FIRST_WAIT_SECONDS
    ) -> None:
        self._sender = sender
        self._give_up_seconds = give_up_seconds
        self._first_wait_seconds = first_wait_seconds

    async def send(
        self, subscriber: Subscriber, message: Message, places: Places, refused: Callable[[], None]
    ) -> DeadLetter | None:
        """None once it is delivered; the dead letter when it is given up. Tells of each refusal."""

        async def attempt() -> None:
            try:
                async with places():
                    await self._sender.send(subscriber, message)
            except Undelivered:
                refused()
                raise

        try:
            await attempt()
        except Undelivered as refusal:
            return await self._go_on(subscriber, message, attempt, refusal)
        return None

    async def leave(self, subscriber: Subscriber) -> None:
        """Close what is open to the subscriber."""
        await self._sender.leave(subscriber)

    async def _go_on(
        self,
        subscriber: Subscriber,
        message: Message,
        attempt: Callable[[], Awaitable[None]],
        refusal: Undelivered,
    ) -> DeadLetter | None:
        """As `send`, after the first attempt: few messages need more, and retrying takes time to set up."""
        attempts = 0
        try:
            async for turn in self._retrying(message):
                with turn:
                    attempts += 1
                    if attempts == 1:
                        raise refusal
                    await attempt()
        except Undelivered as error:
            _log.warning(
                "gave up an event",
                extra={"webhook": subscriber.id, "event": message.id, "attempts": attempts},
            )
            return DeadLetter(message.id, str(error), attempts)
        return None

    def _retrying(self, message: Message) -> AsyncRetrying:
        end = message.time_ns / 1e9 + self._give_up_seconds

        def too_old(state: RetryCallState) -> bool:
            return time.time() + state.upcoming_sleep > end

        wait = wait_exponential_jitter(
            multiplier=self._first_wait_seconds, max=LONGEST_WAIT_SECONDS, jitter=2 * self._first_wait_seconds
        )
        return AsyncRetrying(
            retry=retry_if_exception_type(Undelivered), wait=wait, stop=too_old, reraise=True
        )
