"""A subscriber and the messages it gets (TAMS 7.0, webhooks)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Settled(NamedTuple):
    """What a subscriber has got, or will never get: events up to an id, but for keys that lag `behind`.

    Of those, events up to an id of their own.
    """

    through: int
    behind: Mapping[str, int] = MappingProxyType({})


class Subscriber(NamedTuple):
    """Whom to send to. `headers` hold the subscriber's key, so they stay out of logs and texts."""

    id: str
    url: str
    headers: Mapping[str, str]
    settled: Settled

    def __repr__(self) -> str:
        return f"Subscriber(id={self.id!r})"


class Message(NamedTuple):
    """One event, ready to send. Messages of one `key` (a flow or a source) keep their order.

    `id` is the event's in the outbox, `time_ns` when it was committed, since 1970.
    """

    id: int
    key: str
    time_ns: int
    body: bytes


class Batch(NamedTuple):
    """Messages in order of their ids; every event up to `seen` was looked at."""

    messages: list[Message]
    seen: int


class DeadLetter(NamedTuple):
    """A message that was given up."""

    event_id: int
    error: str
    attempts: int
