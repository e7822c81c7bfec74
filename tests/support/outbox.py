"""An outbox and a sender in memory, for tests of what stands between them."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence, Set

from services.events.application.ports import Undelivered
from services.events.domain.subscriber import Batch, DeadLetter, Message, Settled, Subscriber
from services.shared.errors import FailedPrecondition, Unavailable

FEW = 10
BATCH = 100


class Events:
    """What was committed, and who has got how much of it; shared by deliverers."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.settled: dict[str, Settled] = {}
        self.owners: dict[str, object] = {}
        self.dead: list[tuple[str, DeadLetter]] = []
        self.away = False
        self._more = asyncio.Event()

    def subscribe(self, name: str) -> None:
        """A subscriber of all that follows."""
        self.settled[name] = Settled(len(self.messages))

    def remove(self, name: str) -> None:
        """Forget a subscriber."""
        del self.settled[name]
        self.owners.pop(name, None)

    def append(self, *keys: str, age_seconds: float = 0) -> None:
        """An event for each of the keys."""
        for key in keys:
            number = len(self.messages) + 1
            self.messages.append(Message(number, key, time.time_ns() - int(age_seconds * 1e9), b"{}"))
        self._more.set()
        self._more = asyncio.Event()

    async def after(self, number: int) -> None:
        """Return when there is an event above an id."""
        while len(self.messages) <= number:
            await self._more.wait()


class MemoryOutbox:
    """One deliverer's view."""

    def __init__(self, events: Events, wait_seconds: float = 0.2) -> None:
        self._events = events
        self._wait_seconds = wait_seconds

    async def lease(self) -> list[Subscriber]:
        self._present()
        for name in self._events.settled:
            self._events.owners.setdefault(name, self)
        mine = [name for name, owner in self._events.owners.items() if owner is self]
        return [Subscriber(name, f"http://{name}/", {}, self._events.settled[name]) for name in mine]

    async def release(self) -> None:
        self._present()
        for name, owner in list(self._events.owners.items()):
            if owner is self:
                del self._events.owners[name]

    async def pull(self, subscriber: Subscriber, after: int, without: Set[str]) -> Batch:
        self._held(subscriber)
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._events.after(after)
        except TimeoutError:
            return Batch([], after)
        self._held(subscriber)
        some = self._events.messages[after : after + BATCH]
        return Batch([message for message in some if message.key not in without], some[-1].id)

    async def pull_key(self, subscriber: Subscriber, after: int, key: str) -> Batch:
        self._held(subscriber)
        some = [message for message in self._events.messages[after:] if message.key == key]
        return Batch(some[:FEW], some[FEW - 1].id if len(some) > FEW else len(self._events.messages))

    async def acknowledge(self, subscriber: Subscriber, settled: Settled, dead: Sequence[DeadLetter]) -> None:
        self._held(subscriber)
        through = max(settled.through, self._events.settled[subscriber.id].through)
        self._events.settled[subscriber.id] = Settled(through, dict(settled.behind))
        self._events.dead += [(subscriber.id, letter) for letter in dead]

    def _present(self) -> None:
        if self._events.away:
            raise Unavailable("the outbox is away", reason="AWAY")

    def _held(self, subscriber: Subscriber) -> None:
        self._present()
        if self._events.owners.get(subscriber.id) is not self:
            raise FailedPrecondition("not yours", reason="LEASE_LOST")


async def take(_subscriber: Subscriber, _message: Message) -> None:
    """What a subscriber does that takes everything."""


class MemorySender:
    """Keeps what was sent, as (subscriber, key, id); `answer` may wait, or raise Undelivered."""

    def __init__(self, answer: Callable[[Subscriber, Message], Awaitable[None]] = take) -> None:
        self.answer = answer
        self.sent: list[tuple[str, str, int]] = []
        self.refusals: Counter[str] = Counter()
        self.left: list[str] = []
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

    async def leave(self, subscriber: Subscriber) -> None:
        self.left.append(subscriber.id)

    def ids(self, key: str, subscriber: str | None = None) -> list[int]:
        """The ids sent of a key, in the order sent."""
        return [number for name, of, number in self.sent if of == key and subscriber in (None, name)]
