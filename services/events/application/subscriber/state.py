"""The state of one subscription, which the tasks that serve it share."""

import asyncio
from typing import Final

from services.events.application.environment import Environment
from services.events.application.ports import Page
from services.events.application.subscriber.attempts import Attempts
from services.events.application.subscriber.health import SubscriberHealth
from services.events.application.subscriber.lanes import LaggingKey
from services.events.application.subscriber.progress import Progress
from services.events.domain.subscriber import Batch, Subscriber

# The pause if the poll found events that the outbox does not return yet.
_NOT_YET_SECONDS: Final = 0.2


class SubscriptionState:
    """A subscriber, its health and its progress. `notify` wakes the tasks that wait for a change of them."""

    def __init__(self, environment: Environment, subscriber: Subscriber, health: SubscriberHealth) -> None:
        self.environment = environment
        self.subscriber = subscriber
        self.health = health
        self.progress = Progress(subscriber.settled)
        self.attempts = Attempts(environment, subscriber, health)
        # These wake the rounds, the retries of lagging keys, and the acknowledgements.
        self.changed = asyncio.Event()
        self.lag_changed = asyncio.Event()
        self.unsaved = asyncio.Event()
        # Each acknowledgement replaces the one before, so they must not overtake each other.
        self._acknowledging = asyncio.Lock()

    @property
    def has_new_events(self) -> bool:
        """True if there are events that were in no round yet."""
        return self.environment.event_poll.last_id > self.progress.seen

    def notify(self) -> None:
        """Wake the tasks that wait for a change."""
        self.changed.set()
        self.lag_changed.set()

    def mark_unsaved(self) -> None:
        """Request an acknowledgement, because events were settled. Refusals alone do not need one."""
        self.unsaved.set()
        self.notify()

    async def pull(self, page: Page) -> Batch:
        """The next messages that were in no round yet, without those of lagging keys."""
        async with self.environment.limits.pulling(working=self.health.working):
            self.progress.rejoin()
            after, without = self.progress.seen, frozenset(self.progress.behind)
            batch = await self.environment.outbox.pull(self.subscriber, after, without, page)
        if batch.seen <= after:
            await asyncio.sleep(_NOT_YET_SECONDS)
            return Batch([], after)
        return batch

    async def pull_key(self, lagging: LaggingKey, page: Page) -> Batch:
        """The next messages of a lagging key, up to the event that the rounds have reached."""
        async with self.environment.limits.pulling(working=self.health.working):
            through = self.progress.seen
            batch = await self.environment.outbox.pull_key(self.subscriber, lagging.mark, lagging.key, page)
        if batch.seen <= lagging.mark:
            # The outbox has no newer event of any key.
            return Batch([], through)
        # Later messages are left to a later call, or to a round if the key catches up.
        messages = [message for message in batch.messages if message.id <= through]
        return Batch(messages, min(batch.seen, through))

    async def acknowledge(self) -> None:
        """Store the settled events and the dead letters in the outbox."""
        async with self._acknowledging, self.environment.limits.acknowledging:
            self.unsaved.clear()
            dead = self.attempts.take_dead()
            try:
                await self.environment.outbox.acknowledge(self.subscriber, self.progress.settled(), dead)
            except BaseException:
                # Kept for the next acknowledgement.
                self.attempts.dead += dead
                self.unsaved.set()
                raise
