"""The deliveries to one subscriber: in order for each key, different keys in parallel.

A key (a flow or a source) whose message the subscriber refuses leaves the rounds and lags; it rejoins them
once it has caught up. A subscriber that fails as a whole is tried with one message at a time, after growing
pauses. Meanwhile only event ids are kept for it, no messages.
"""

import asyncio
import random
from contextlib import suppress
from typing import Final, NoReturn

from services.events.application.environment import Environment
from services.events.application.subscriber.health import SubscriberHealth
from services.events.application.subscriber.progress import MAX_BEHIND
from services.events.application.subscriber.retries import Retries
from services.events.application.subscriber.rounds import Rounds
from services.events.application.subscriber.state import SubscriptionState
from services.events.domain.subscriber import Subscriber
from services.shared.errors import TamsError
from services.shared.process.background import background

# After a crash, at most the messages of this time are delivered again.
ACKNOWLEDGE_SECONDS: Final = 1.0
_LAST_SECONDS: Final = 1.0


class Subscription:
    """Delivers to one subscriber."""

    def __init__(self, environment: Environment, subscriber: Subscriber, health: SubscriberHealth) -> None:
        self.state = SubscriptionState(environment, subscriber, health)
        self._retries = Retries(self.state)

    async def run(self) -> None:
        """Deliver all events until cancelled; raises the error of the outbox if a call fails."""
        try:
            async with background(self._keep_acknowledging(), self._retries.run()):
                await self._deliver()
        finally:
            await self._end()

    async def _deliver(self) -> NoReturn:
        state, rounds = self.state, Rounds(self.state)
        while True:
            state.changed.clear()
            lagging = len(state.progress.lagging())
            if state.health.failing and (lagging or state.has_new_events):
                await self._probe()
            elif not state.health.failing and state.has_new_events and lagging < MAX_BEHIND:
                await rounds.next()
            else:
                rounds.reset_page()
                with state.environment.event_poll.waking(state.changed):
                    await state.changed.wait()

    async def _probe(self) -> None:
        await self.state.health.wait_until_due()
        async with self.state.environment.limits.failing:
            # An earlier attempt may have reached the subscriber meanwhile.
            if self.state.health.failing:
                await self._retries.probe()

    async def _keep_acknowledging(self) -> NoReturn:
        while True:
            await self.state.unsaved.wait()
            await self.state.acknowledge()
            # The pause varies, so that many subscribers of one event do not acknowledge it at the same time.
            await asyncio.sleep(ACKNOWLEDGE_SECONDS * random.uniform(0.2, 1))  # noqa: S311 - not a secret

    async def _end(self) -> None:
        """Disconnect, and acknowledge the last deliveries if the lease is held and the outbox answers."""
        await self.state.environment.sender.disconnect(self.state.subscriber)
        if self.state.unsaved.is_set() and self.state.environment.lease.is_held:
            with suppress(TamsError, TimeoutError):
                async with asyncio.timeout(_LAST_SECONDS):
                    await self.state.acknowledge()
