"""What delivery needs: an outbox to take from, and a way to send."""

from collections.abc import Sequence, Set
from typing import Protocol

from services.events.domain.subscriber import Batch, DeadLetter, Message, Settled, Subscriber


class Outbox(Protocol):
    """Events as they were committed. All calls raise Unavailable while the outbox is away."""

    async def lease(self) -> list[Subscriber]:
        """The subscribers this deliverer serves from now until it asks again, own ones renewed."""
        ...

    async def release(self) -> None:
        """Serve none of them any more, so that others may at once."""
        ...

    async def pull(self, subscriber: Subscriber, after: int, without: Set[str]) -> Batch:
        """The subscriber's next messages, without those of some keys; waits a while for the first.

        FailedPrecondition: not ours any more.
        """
        ...

    async def pull_key(self, subscriber: Subscriber, after: int, key: str) -> Batch:
        """The next messages of one key, few at a time, without waiting. FailedPrecondition: not ours."""
        ...

    async def acknowledge(self, subscriber: Subscriber, settled: Settled, dead: Sequence[DeadLetter]) -> None:
        """Store what is settled. FailedPrecondition: not ours any more."""
        ...


class Sender(Protocol):
    """Sends one message."""

    async def send(self, subscriber: Subscriber, message: Message) -> None:
        """POST the message; Undelivered unless the subscriber took it."""
        ...

    async def leave(self, subscriber: Subscriber) -> None:
        """Close what is open to the subscriber; it may be sent to again."""
        ...


class Undelivered(Exception):
    """A subscriber did not take a message; the text says why, for the operator."""
