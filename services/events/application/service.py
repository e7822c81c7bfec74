"""One subscriber's deliveries: in order for each flow, side by side for different flows.

A round is a batch of messages. Flows whose messages the subscriber refuses leave the round and lag
behind on their own, so that the next round can begin; they join again once they have caught up.
"""

import asyncio
import random
from contextlib import suppress
from typing import Final

from services.events.application.delivery import Delivery
from services.events.application.lane import Lane
from services.events.application.ports import Outbox
from services.events.domain.subscriber import Batch, DeadLetter, Message, Settled, Subscriber
from services.shared.errors import TamsError

# Most flows that may lag; the subscriber waits when more would.
MAX_BEHIND: Final = 64
# Attempts of all flows that lag, at a time: they must not take the places of those that do not.
PLACES_BEHIND: Final = 1
# At most what was delivered within this time is delivered again after a crash.
ACKNOWLEDGE_SECONDS: Final = 1.0
_LAST_SECONDS: Final = 2.0


class Service:
    """Serves one subscriber. `places` is how many messages are sent to it at a time."""

    def __init__(self, outbox: Outbox, delivery: Delivery, subscriber: Subscriber, places: int) -> None:
        self._outbox = outbox
        self._delivery = delivery
        self._subscriber = subscriber
        self._places = asyncio.Semaphore(places)
        self._places_behind = asyncio.Semaphore(PLACES_BEHIND)
        self._stirred = asyncio.Event()
        self._news = asyncio.Event()
        # Every event up to this id is done with, in the round, or in a lane that lags.
        self._seen = subscriber.settled.through
        self._round: list[Lane] = []
        self._behind: dict[str, Lane] = {}
        self._dead: list[DeadLetter] = []

    async def run(self) -> None:
        """Deliver all that comes, until cancelled or until the outbox fails or refuses."""
        acknowledging = asyncio.create_task(self._keep_acknowledging())
        try:
            for key, mark in self._subscriber.settled.behind.items():
                self._behind[key] = lane = self._lane(key, mark, [])
                lane.start(self._work)
            while True:
                if acknowledging.done():
                    acknowledging.result()
                self._rejoin()
                batch = await self._outbox.pull(self._subscriber, self._seen, frozenset(self._behind))
                await self._deliver(batch)
        finally:
            acknowledging.cancel()
            await asyncio.gather(acknowledging, return_exceptions=True)
            await self._end()

    def _rejoin(self) -> None:
        """Let lanes that have caught up with the rounds take part in the next one."""
        for key, lane in list(self._behind.items()):
            if lane.done and lane.mark >= self._seen:
                del self._behind[key]
            elif lane.done:
                lane.start(self._work)

    async def _deliver(self, batch: Batch) -> None:
        """A round. Ends when each of its lanes is done, or lags behind."""
        if batch.seen <= self._seen:
            return
        self._seen = batch.seen
        by_key: dict[str, list[Message]] = {}
        for message in batch.messages:
            by_key.setdefault(message.key, []).append(message)
        self._round = [self._lane(key, some[0].id - 1, some) for key, some in by_key.items()]
        for lane in self._round:
            lane.start(self._work)
        while not self._may_end(late := [lane for lane in self._round if not lane.done]):
            await self._stirred.wait()
            self._stirred.clear()
        for lane in late:
            lane.forget_rest()
            self._behind[lane.key] = lane
        self._round = []
        self._news.set()

    def _may_end(self, late: list[Lane]) -> bool:
        return all(lane.failing for lane in late) and len(late) + self._lagging() <= MAX_BEHIND

    def _lagging(self) -> int:
        return sum(not lane.done for lane in self._behind.values())

    def _lane(self, key: str, mark: int, messages: list[Message]) -> Lane:
        return Lane(key, mark, messages, self._stirred.set)

    def _work(self, lane: Lane) -> asyncio.Task[None]:
        return asyncio.create_task(self._serve(lane))

    async def _serve(self, lane: Lane) -> None:
        """Deliver what waits in a lane; if it lags, go on until it has caught up with the rounds."""
        await self._send_all(lane)
        while self._behind.get(lane.key) is lane and lane.mark < self._seen:
            through = self._seen
            batch = await self._outbox.pull_key(self._subscriber, lane.mark, lane.key)
            # Later ones are for a later turn, or for a round that the lane takes part in again.
            lane.waiting.extend(message for message in batch.messages if message.id <= through)
            await self._send_all(lane)
            lane.mark = min(batch.seen, through)

    async def _send_all(self, lane: Lane) -> None:
        while lane.waiting:
            dead = await self._delivery.send(
                self._subscriber, lane.waiting[0], lambda: self._place(lane), lane.refused
            )
            if dead is not None:
                self._dead.append(dead)
            lane.settle()
            self._news.set()

    def _place(self, lane: Lane) -> asyncio.Semaphore:
        return self._places_behind if lane.failing or lane.key in self._behind else self._places

    async def _keep_acknowledging(self) -> None:
        while True:
            await self._news.wait()
            await self._acknowledge()
            # An event for many subscribers must not have all of them acknowledge it at one moment.
            await asyncio.sleep(ACKNOWLEDGE_SECONDS * random.uniform(0.2, 1))  # noqa: S311 - not a secret

    async def _acknowledge(self) -> None:
        self._news.clear()
        lanes = [*self._behind.values(), *(lane for lane in self._round if lane.waiting)]
        behind = {lane.key: lane.mark for lane in lanes if lane.mark < self._seen}
        dead, self._dead = sorted(self._dead), []
        await self._outbox.acknowledge(self._subscriber, Settled(self._seen, behind), dead)

    async def _end(self) -> None:
        """Leave the subscriber; what was delivered is acknowledged if the outbox still listens."""
        await asyncio.gather(*(lane.stop() for lane in [*self._round, *self._behind.values()]))
        await self._delivery.leave(self._subscriber)
        if self._news.is_set():
            with suppress(TamsError, TimeoutError):
                async with asyncio.timeout(_LAST_SECONDS):
                    await self._acknowledge()
