"""Acknowledgements of the settled events of a subscriber."""

from collections.abc import Sequence

import pytest

from services.events.application.failure_log import FailureLog
from services.events.application.subscriber.health import SubscriberHealth
from services.events.application.subscriber.state import SubscriptionState
from services.events.domain.subscriber import DeadLetter, Settled, Subscriber
from services.shared.errors import Unavailable
from tests.support.events.outbox import Events, MemoryOutbox, MemorySender, sharing


class UnavailableOnce(MemoryOutbox):
    """An outbox that is unavailable for the first acknowledgement."""

    attempts = 0

    async def acknowledge(self, subscriber: Subscriber, settled: Settled, dead: Sequence[DeadLetter]) -> None:
        self.attempts += 1
        if self.attempts == 1:
            raise Unavailable("the outbox is away")
        await super().acknowledge(subscriber, settled, dead)


async def test_dead_letters_are_kept_after_a_failed_acknowledgement() -> None:
    events = Events()
    events.subscribe("one")
    outbox = UnavailableOnce(events)
    (subscriber,) = await outbox.lease()
    environment = sharing(outbox, MemorySender())
    state = SubscriptionState(
        environment, subscriber, SubscriberHealth(environment.backoff, FailureLog(environment.lines, "one"))
    )
    letter = DeadLetter(1, "answered 500", 3)
    state.attempts.dead.append(letter)
    state.mark_unsaved()
    with pytest.raises(Unavailable):
        await state.acknowledge()
    assert state.unsaved.is_set()
    await state.acknowledge()
    assert events.dead == [("one", letter)]
    assert not state.unsaved.is_set()
