"""Single attempts to send a message to one subscriber, and dead letters."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from services.events.application.environment import Environment
from services.events.application.ports import Undelivered
from services.events.application.subscriber.health import SubscriberHealth
from services.events.domain.subscriber import DeadLetter, Message, Subscriber


class Attempts:
    """Sends messages to one subscriber and collects its dead letters until they are acknowledged."""

    def __init__(self, environment: Environment, subscriber: Subscriber, health: SubscriberHealth) -> None:
        self._environment = environment
        self._subscriber = subscriber
        self._health = health
        self.dead: list[DeadLetter] = []
        self._finishing = False
        self._under_way = 0
        self._none_under_way = asyncio.Event()
        self._none_under_way.set()

    async def send(self, message: Message) -> bool:
        """Send once; True if the subscriber accepts. FailedPrecondition LEASE_LOST if the lease expired.

        After `finish` it begins nothing and does not return.
        """
        while self._finishing:
            await asyncio.Event().wait()
        self._environment.lease.check()
        started = time.monotonic()
        with self._counted():
            try:
                with self._environment.observation.attempt(self._subscriber, message):
                    await self._environment.sender.send(self._subscriber, message)
            except Undelivered as refusal:
                self._health.record_refusal(message.key, refusal, started)
                return False
            self._health.record_success(message.key)
            return True

    async def finish(self) -> None:
        """Begin no attempt any more, and wait for those under way.

        The subscriber may have taken a message before its answer is here. An attempt that is cut is repeated.
        """
        self._finishing = True
        await self._none_under_way.wait()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._under_way += 1
        self._none_under_way.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._none_under_way.set()

    def give_up_if_old(self, message: Message, attempts: int) -> bool:
        """Make the message a dead letter if it will be too old at its next attempt; True if it will.

        `attempts` is the number of failed attempts so far.
        """
        pause = self._environment.backoff.pause(max(attempts, 1))
        if message.time_ns / 1e9 + self._environment.give_up_seconds > time.time() + pause:
            return False
        self.dead.append(DeadLetter(message.id, self._health.last_error, attempts))
        self._health.record_given_up(message.key)
        self._environment.observation.given_up.add()
        self._environment.lines.warn(
            "gave up an event", webhook=self._subscriber.id, event=message.id, attempts=attempts
        )
        return True

    def take_dead(self) -> list[DeadLetter]:
        """The dead letters since the last call, sorted by event id."""
        dead, self.dead = sorted(self.dead), []
        return dead
