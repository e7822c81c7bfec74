"""Retries of the lagging events of a subscriber."""

import asyncio

from services.events.application.failure_log import FailureLog
from services.events.application.ports import Undelivered
from services.events.application.subscriber.health import SubscriberHealth
from services.events.application.subscriber.lanes import LaggingKey
from services.events.application.subscriber.retries import Retries
from services.events.application.subscriber.state import SubscriptionState
from services.events.domain.subscriber import Message, Subscriber
from tests.support.events.outbox import Events, MemoryOutbox, MemorySender, sharing
from tests.support.processes.polling import until


async def test_dead_letters_have_the_number_of_their_attempts() -> None:
    async def answer(_subscriber: Subscriber, _message: Message) -> None:
        raise Undelivered("closed")

    events, sender = Events(), MemorySender(answer)
    events.subscribe("one")
    outbox = MemoryOutbox(events)
    (subscriber,) = await outbox.lease()
    events.append("a", "a", "a", age_seconds=120)
    environment = sharing(outbox, sender, give_up_seconds=60)
    state = SubscriptionState(
        environment, subscriber, SubscriberHealth(environment.backoff, FailureLog(environment.lines, "one"))
    )
    state.progress.seen = 3
    state.progress.behind["a"] = LaggingKey("a", 0)
    retries = Retries(state)
    await retries.probe()
    await retries.probe()
    assert [letter.attempts for letter in state.attempts.dead] == [1, 1, 0]
    assert sender.refusals.total() == 2


async def test_a_refused_event_that_is_gone_no_longer_counts() -> None:
    async def answer(_subscriber: Subscriber, _message: Message) -> None:
        """Accept."""

    events = Events()
    events.subscribe("one")
    outbox = MemoryOutbox(events)
    (subscriber,) = await outbox.lease()
    events.append("other")
    environment = sharing(outbox, MemorySender(answer))
    health = SubscriberHealth(environment.backoff, FailureLog(environment.lines, "one"))
    health.record_success("other")
    health.record_refusal("gone", Undelivered("answered 500", answered=True), 0.0)
    state = SubscriptionState(environment, subscriber, health)
    state.progress.seen = 1
    state.progress.behind["gone"] = LaggingKey("gone", 0)
    running = asyncio.create_task(Retries(state).run())
    await until(lambda: not health.has_refusals)
    assert health.failing_since_ns == 0
    running.cancel()
