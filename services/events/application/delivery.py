"""Delivery to one subscriber: in order for each flow, side by side for different flows."""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Final

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter

from services.events.application.ports import Outbox, Sender, Undelivered
from services.events.domain.subscriber import DeadLetter, Message, Subscriber

_log = logging.getLogger("tams.events")

FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 60.0


class Delivery:
    """Sends messages, and tries again until they are too old.

    `lanes` is how many flows of one subscriber are served at a time, `give_up_seconds` the age at which
    a message becomes a dead letter.
    """

    def __init__(self, outbox: Outbox, sender: Sender, *, lanes: int, give_up_seconds: float) -> None:
        self._outbox = outbox
        self._sender = sender
        self._lanes = lanes
        self._give_up_seconds = give_up_seconds

    async def serve(self, subscriber: Subscriber) -> None:
        """Deliver all that comes, until cancelled or until the lease is lost."""
        settled = subscriber.settled
        try:
            while True:
                batch = await self._outbox.pull(subscriber, settled)
                if batch.seen > settled:
                    dead = await self._deliver(subscriber, batch.messages)
                    await self._outbox.acknowledge(subscriber, batch.seen, dead)
                    settled = batch.seen
        finally:
            await self._sender.leave(subscriber)

    async def _deliver(self, subscriber: Subscriber, messages: Sequence[Message]) -> list[DeadLetter]:
        lanes: dict[str, list[Message]] = {}
        for message in messages:
            lanes.setdefault(message.key, []).append(message)
        places = asyncio.Semaphore(self._lanes)
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(self._lane(subscriber, lane, places)) for lane in lanes.values()]
        return sorted(dead for lane in running for dead in lane.result())

    async def _lane(
        self, subscriber: Subscriber, messages: Sequence[Message], places: asyncio.Semaphore
    ) -> list[DeadLetter]:
        async with places:
            outcomes = [await self._send(subscriber, message) for message in messages]
        return [dead for dead in outcomes if dead is not None]

    async def _send(self, subscriber: Subscriber, message: Message) -> DeadLetter | None:
        attempts = 0
        try:
            async for attempt in self._retrying(message):
                with attempt:
                    attempts += 1
                    await self._sender.send(subscriber, message)
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

        return AsyncRetrying(
            retry=retry_if_exception_type(Undelivered),
            wait=wait_exponential_jitter(multiplier=FIRST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS, jitter=1),
            stop=too_old,
            reraise=True,
        )
