"""An outbox and a sender in memory, for tests of the code between them."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence, Set
from contextlib import suppress
from typing import Any

from services.events.application.backoff import Backoff
from services.events.application.environment import Environment, LeaseTime
from services.events.application.event_poll import EventPoll
from services.events.application.ports import OutboxChange, Page, Undelivered
from services.events.domain.subscriber import Batch, DeadLetter, Message, Settled, Subscriber
from services.shared.errors import FailedPrecondition, Unavailable


class Events:
    """The committed events, and the progress and owner of each subscriber. All deliverers share them."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.settled: dict[str, Settled] = {}
        self.owners: dict[str, object] = {}
        self.dead: list[tuple[str, DeadLetter]] = []
        self.unavailable = False
        self.registrations = 0
        self._more = asyncio.Event()

    def subscribe(self, name: str) -> None:
        """Add a subscriber of all later events."""
        self.settled[name] = Settled(len(self.messages))
        self._change_registrations()

    def remove(self, name: str) -> None:
        """Forget a subscriber."""
        self.settled.pop(name, None)
        self.owners.pop(name, None)
        self._change_registrations()

    def append(self, *keys: str, age_seconds: float = 0) -> None:
        """Commit an event for each of the keys."""
        for key in keys:
            number = len(self.messages) + 1
            self.messages.append(Message(number, key, time.time_ns() - int(age_seconds * 1e9), b"{}"))
        self._wake()

    async def news(self, number: int) -> None:
        """Wait for an event above an id, or for a changed registration."""
        registrations = self.registrations
        while len(self.messages) <= number and self.registrations == registrations:
            await self._more.wait()

    def _change_registrations(self) -> None:
        self.registrations += 1
        self._wake()

    def _wake(self) -> None:
        self._more.set()
        self._more = asyncio.Event()


class MemoryOutbox:
    """The outbox as one deliverer sees it."""

    def __init__(self, events: Events, wait_seconds: float = 0.2) -> None:
        self._events = events
        self._wait_seconds = wait_seconds
        self.pulled: list[tuple[str, Page]] = []

    async def lease(self) -> list[Subscriber]:
        self._check_available()
        for name in self._events.settled:
            self._events.owners.setdefault(name, self)
        mine = [name for name, owner in self._events.owners.items() if owner is self]
        return [Subscriber(name, f"http://{name}/", {}, self._events.settled[name]) for name in mine]

    async def release(self) -> None:
        self._check_available()
        for name, owner in list(self._events.owners.items()):
            if owner is self:
                del self._events.owners[name]

    async def await_events(self, after: int) -> OutboxChange:
        self._check_available()
        registrations = self._events.registrations
        with suppress(TimeoutError):
            async with asyncio.timeout(self._wait_seconds):
                await self._events.news(after)
        return OutboxChange(len(self._events.messages), self._events.registrations != registrations)

    async def pull(self, subscriber: Subscriber, after: int, without: Set[str], page: Page) -> Batch:
        self._check_lease(subscriber)
        self.pulled.append((subscriber.id, page))
        messages = self._events.messages[after : after + page.messages]
        through = messages[-1].id if messages else after
        return Batch([message for message in messages if message.key not in without], through)

    async def pull_key(self, subscriber: Subscriber, after: int, key: str, page: Page) -> Batch:
        self._check_lease(subscriber)
        messages = [message for message in self._events.messages[after:] if message.key == key]
        limit = page.messages
        return Batch(
            messages[:limit], messages[limit - 1].id if len(messages) > limit else len(self._events.messages)
        )

    async def acknowledge(self, subscriber: Subscriber, settled: Settled, dead: Sequence[DeadLetter]) -> None:
        self._check_lease(subscriber)
        through = max(settled.through, self._events.settled[subscriber.id].through)
        self._events.settled[subscriber.id] = Settled(through, dict(settled.behind))
        self._events.dead += [(subscriber.id, letter) for letter in dead]

    def _check_available(self) -> None:
        if self._events.unavailable:
            raise Unavailable("the outbox is unreachable", reason="AWAY")

    def _check_lease(self, subscriber: Subscriber) -> None:
        self._check_available()
        if self._events.owners.get(subscriber.id) is not self:
            raise FailedPrecondition("not yours", reason="LEASE_LOST")


async def take(_subscriber: Subscriber, _message: Message) -> None:
    """The answer of a subscriber that accepts everything."""


class MemorySender:
    """Keeps each sent event as (subscriber, key, id). `answer` may wait, or raise Undelivered."""

    def __init__(self, answer: Callable[[Subscriber, Message], Awaitable[None]] = take) -> None:
        self.answer = answer
        self.sent: list[tuple[str, str, int]] = []
        self.refusals: Counter[str] = Counter()
        self.disconnected: list[str] = []
        self.busy: Counter[str] = Counter()
        self.busiest: Counter[str] = Counter()

    async def send(self, subscriber: Subscriber, message: Message) -> None:
        self.busy[subscriber.id] += 1
        self.busiest[subscriber.id] = max(self.busiest[subscriber.id], self.busy[subscriber.id])
        try:
            await asyncio.sleep(0)
            await self.answer(subscriber, message)
        except Undelivered:
            self.refusals[message.key] += 1
            raise
        finally:
            self.busy[subscriber.id] -= 1
        self.sent.append((subscriber.id, message.key, message.id))

    async def disconnect(self, subscriber: Subscriber) -> None:
        self.disconnected.append(subscriber.id)

    def ids(self, key: str, subscriber: str | None = None) -> list[int]:
        """The ids of the sent events of a key, in the order of sending."""
        return [
            number for name, event_key, number in self.sent if event_key == key and subscriber in (None, name)
        ]


def sharing(outbox: MemoryOutbox, sender: MemorySender, **changes: Any) -> Environment:
    """The environment of subscriptions, with pauses of milliseconds and a lease of an hour."""
    lease = LeaseTime(3600)
    lease.renew(asyncio.get_running_loop().time())
    parts: dict[str, Any] = {
        "outbox": outbox,
        "sender": sender,
        "lanes": 4,
        "give_up_seconds": 60,
        "event_poll": EventPoll(outbox),
        "lease": lease,
        "backoff": Backoff(0.005, 0.02),
    }
    return Environment(**(parts | changes))
