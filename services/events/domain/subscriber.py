"""A subscriber and its messages (TAMS 7.0, webhooks)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Settled(NamedTuple):
    """The events that a subscriber accepted or that were given up: all up to the id `through`.

    For the keys in `behind` only those up to the id given there.
    """

    through: int
    behind: Mapping[str, int] = MappingProxyType({})


class Subscriber(NamedTuple):
    """A webhook to deliver to. `headers` contain its key, so they must not appear in logs or texts."""

    id: str
    url: str
    headers: Mapping[str, str]
    settled: Settled

    def __repr__(self) -> str:
        return f"Subscriber(id={self.id!r})"


class Message(NamedTuple):
    """One event as JSON. Messages of one `key` (the id of a flow or a source) are delivered in order.

    `id` is the id of the event in the outbox, `time_ns` its commit time in nanoseconds since 1970.
    `traceparent` is the operation that made the change, if its trace is recorded, and else empty.
    """

    id: int
    key: str
    time_ns: int
    body: bytes
    traceparent: str = ""


class Batch(NamedTuple):
    """Messages in the order of their ids. They are all that match among the events up to the id `seen`."""

    messages: list[Message]
    seen: int


class DeadLetter(NamedTuple):
    """A message that was given up, with the last error and the number of attempts."""

    event_id: int
    error: str
    attempts: int
