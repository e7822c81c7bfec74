"""The messages of one key (a flow or a source): in a round, and of keys that lag behind the rounds."""

from collections import deque
from collections.abc import Iterable, Sequence

from services.events.domain.subscriber import Message


class Lane:
    """The messages of one key in the current round. Its events up to the id `mark` are settled."""

    __slots__ = ("key", "mark", "waiting")

    def __init__(self, key: str, messages: Sequence[Message]) -> None:
        self.key = key
        self.mark = messages[0].id - 1
        self.waiting = deque(messages)

    def settle(self) -> None:
        """Remove the first message, which was accepted or given up."""
        self.mark = self.waiting.popleft().id


class LaggingKey:
    """A key of which an event was refused. Its events up to the id `mark` are settled.

    It holds no messages; its events are pulled again for each attempt. The next attempt is at `due`, a time
    of the event loop. `oldest_ns` is the commit time of its first unsettled event, 0 if unknown.
    """

    __slots__ = ("due", "key", "mark", "oldest_ns", "refusals")

    def __init__(self, key: str, mark: int) -> None:
        self.key = key
        self.mark = mark
        self.refusals = 0
        self.due = 0.0
        self.oldest_ns = 0

    def settle(self, message_id: int) -> None:
        """Note that events up to this id were accepted or given up; the next attempt is due at once."""
        self.mark, self.refusals, self.oldest_ns, self.due = message_id, 0, 0, 0.0


def lanes_of(messages: Iterable[Message]) -> list[Lane]:
    """One lane for each key, in the order of the first message of each key."""
    by_key: dict[str, list[Message]] = {}
    for message in messages:
        by_key.setdefault(message.key, []).append(message)
    return [Lane(key, messages_of_key) for key, messages_of_key in by_key.items()]
