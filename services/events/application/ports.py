"""The ports of delivery: the outbox that has the events, and the sender of messages."""

from collections.abc import Sequence, Set
from typing import NamedTuple, Protocol

from services.events.domain.subscriber import Batch, DeadLetter, Message, Settled, Subscriber


class OutboxChange(NamedTuple):
    """The highest event id, and whether a registration changed during the call."""

    last_id: int
    registrations_changed: bool = False


class Page(NamedTuple):
    """The most messages to pull; after `size` bytes no further message is added."""

    messages: int
    size: int = 256 * 1024


class Outbox(Protocol):
    """The events in the order of their commits. All calls raise Unavailable if the outbox does not answer."""

    async def lease(self) -> list[Subscriber]:
        """Take and renew leases; returns all subscribers that this process serves until the next call."""
        ...

    async def release(self) -> None:
        """Give up all leases, so that other processes can take them at once."""
        ...

    async def await_events(self, after: int) -> OutboxChange:
        """Wait for an event above an id, or a changed registration, of any subscriber; for some seconds."""
        ...

    async def pull(self, subscriber: Subscriber, after: int, without: Set[str], page: Page) -> Batch:
        """The next messages of the subscriber above an id, without some keys.

        FailedPrecondition LEASE_LOST if another process may serve it.
        """
        ...

    async def pull_key(self, subscriber: Subscriber, after: int, key: str, page: Page) -> Batch:
        """The next messages of one key above an id. FailedPrecondition LEASE_LOST as for `pull`."""
        ...

    async def acknowledge(self, subscriber: Subscriber, settled: Settled, dead: Sequence[DeadLetter]) -> None:
        """Store what is settled, and the dead letters. FailedPrecondition LEASE_LOST as for `pull`."""
        ...


class Sender(Protocol):
    """Sends single messages."""

    async def send(self, subscriber: Subscriber, message: Message) -> None:
        """Send the message. Undelivered unless the subscriber accepts it."""
        ...

    async def disconnect(self, subscriber: Subscriber) -> None:
        """Close the connections to the subscriber; later messages open new ones."""
        ...


class Undelivered(Exception):
    """A subscriber did not accept a message. The text has the reason for operators, without keys.

    `answered` is True if the subscriber itself refused, so it may accept other messages; False if it did not
    answer.
    """

    def __init__(self, reason: str, *, answered: bool = False) -> None:
        super().__init__(reason)
        self.answered = answered
