"""Delivery to a subscriber: order, lagging flows, and acknowledgements."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from services.events.application.environment import Environment, LeaseTime
from services.events.application.failure_log import FailureLog
from services.events.application.ports import Undelivered
from services.events.application.subscriber import subscription as subscriptions
from services.events.application.subscriber.health import SubscriberHealth
from services.events.application.subscriber.progress import MAX_BEHIND
from services.events.application.subscriber.subscription import Subscription
from services.events.domain.subscriber import Message, Settled, Subscriber
from services.shared.errors import FailedPrecondition, Unavailable
from tests.support.events.outbox import Events, MemoryOutbox, MemorySender, sharing
from tests.support.processes.polling import until

MAX_REQUESTS = 4


async def until_sent(sender: MemorySender, count: int) -> None:
    await until(lambda: len(sender.sent) == count)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "ACKNOWLEDGE_SECONDS", 0.01)


@pytest.fixture
async def events() -> Events:
    events = Events()
    events.subscribe("one")
    return events


class Refusing:
    """A subscriber that refuses the events of some flows."""

    def __init__(self, *keys: str) -> None:
        self.keys = set(keys)

    async def __call__(self, _subscriber: Subscriber, message: Message) -> None:
        if message.key in self.keys:
            raise Undelivered("answered 500", answered=True)


@asynccontextmanager
async def serving(
    events: Events,
    answer: Callable[[Subscriber, Message], Awaitable[None]] | None = None,
    *,
    give_up_seconds: float = 60,
    health: SubscriberHealth | None = None,
) -> AsyncIterator[MemorySender]:
    """Run the subscription of the subscriber, and stop it as a process that ends does."""
    sender = MemorySender(answer) if answer else MemorySender()
    outbox = MemoryOutbox(events)
    events.owners.clear()
    (subscriber,) = await outbox.lease()
    environment = sharing(outbox, sender, give_up_seconds=give_up_seconds)
    running = asyncio.create_task(
        Subscription(environment, subscriber, health or new_health(environment)).run()
    )
    polling = asyncio.create_task(environment.event_poll.run(lambda: None))
    try:
        yield sender
    finally:
        for task in (running, polling):
            task.cancel()
        await asyncio.gather(running, polling, return_exceptions=True)


def new_health(environment: Environment) -> SubscriberHealth:
    return SubscriberHealth(environment.backoff, FailureLog(environment.lines, "one"))


async def test_events_of_a_flow_keep_their_order_and_flows_are_sent_side_by_side(events: Events) -> None:
    async with serving(events) as sender:
        events.append(*"abcdef" * 50)
        await until(lambda: len(sender.sent) == 300)
        assert sender.busiest["one"] == MAX_REQUESTS
        for key in "abcdef":
            assert sender.ids(key) == sorted(sender.ids(key))
        await until(lambda: events.settled["one"] == (300, {}))
    assert sender.disconnected == ["one"]


async def test_a_refused_flow_does_not_delay_others(events: Events) -> None:
    refusing = Refusing("a")
    async with serving(events, refusing) as sender:
        for _ in range(5):
            before = len(sender.sent)
            events.append("a", "b", "c", "a")
            await until_sent(sender, before + 2)
        await until(lambda: events.settled["one"] == (20, {"a": 0}))
        assert sender.ids("a") == []
        refusing.keys.clear()
        await until(lambda: len(sender.sent) == 20)
        assert sender.ids("a") == sorted(sender.ids("a"))
        await until(lambda: events.settled["one"] == (20, {}))
        events.append("a")
        await until(lambda: sender.ids("a")[-1] == 21)
    assert len(sender.sent) == len(set(sender.sent)) == 21


async def test_lagging_events_are_sent_while_new_ones_arrive(events: Events) -> None:
    refusing = Refusing("a")
    async with serving(events, refusing) as sender:
        events.append(*"ab" * 120)
        await until(lambda: len(sender.ids("b")) == 120)
        refusing.keys.clear()
        for _ in range(60):
            events.append("a", "b")
            await asyncio.sleep(0)
        await until(lambda: len(sender.sent) == 360)
        assert sender.ids("a") == list(range(1, 361, 2))
        assert sender.ids("b") == list(range(2, 361, 2))


async def test_acknowledged_events_are_not_sent_again_by_the_next_process(events: Events) -> None:
    refusing = Refusing("a", "b")
    async with serving(events, refusing) as first:
        events.append(*"abc" * 5)
        await until(lambda: len(first.sent) == 5)
    assert events.settled["one"] == (15, {"a": 0, "b": 1})
    async with serving(events) as second:
        await until(lambda: len(second.sent) == 10)
        events.append("c")
        await until(lambda: len(second.sent) == 11)
    assert (second.ids("a"), second.ids("b"), second.ids("c")) == (
        [1, 4, 7, 10, 13],
        [2, 5, 8, 11, 14],
        [16],
    )


async def test_a_stopped_subscription_acknowledges_the_accepted_events(events: Events) -> None:
    hold = asyncio.Event()

    async def answer(_subscriber: Subscriber, message: Message) -> None:
        if message.id in {3, 5}:
            await hold.wait()

    async with serving(events, answer) as sender:
        events.append("a", "b", "a", "b", "c")
        await until(lambda: len(sender.sent) == 3)
    assert events.settled["one"] == (5, {"a": 2, "c": 4})


async def test_the_number_of_lagging_flows_is_bounded(events: Events) -> None:
    keys = [f"flow {number}" for number in range(MAX_BEHIND + 1)]
    refusing = Refusing(*keys)
    async with serving(events, refusing) as sender:
        events.append(*keys)
        await until(lambda: sum(sender.refusals[key] > 1 for key in keys) == MAX_BEHIND)
        events.append("other")
        attempts = sender.refusals.total()
        await until(lambda: sender.refusals.total() > attempts + 5)
        assert (sender.sent, sender.refusals[keys[-1]]) == ([], 0)
        refusing.keys -= set(keys[:2])
        await until(lambda: sender.ids("other"))
        await until(lambda: len(events.settled["one"].behind) == MAX_BEHIND - 1)
        refusing.keys.clear()
        await until(lambda: len(sender.sent) == len(keys) + 1)
        await until(lambda: events.settled["one"] == (len(keys) + 1, {}))


async def test_events_that_are_too_old_become_dead_letters(events: Events) -> None:
    refusing = Refusing("a")
    async with serving(events, refusing, give_up_seconds=30) as sender:
        events.append("a", "a", age_seconds=60)
        await until(lambda: len(events.dead) == 2)
        assert [(name, dead.event_id, dead.error) for name, dead in events.dead] == [
            ("one", 1, "answered 500"),
            ("one", 2, "answered 500"),
        ]
        refusing.keys.clear()
        events.append("a")
        await until(lambda: sender.ids("a") == [3])
        await until(lambda: events.settled["one"] == (3, {}))


async def test_flows_without_answers_do_not_block_other_flows(events: Events) -> None:
    silent = {f"silent {number}" for number in range(3 * MAX_REQUESTS)}

    async def answer(_subscriber: Subscriber, message: Message) -> None:
        if message.key in silent:
            await asyncio.sleep(0.01)
            raise Undelivered("no answer")

    async with serving(events, answer) as sender:
        events.append(*silent, "a")
        await until(lambda: sender.ids("a"))
        events.append(*"abcd" * 20)
        await until(lambda: len(sender.sent) == 81)
        assert sender.busiest["one"] <= MAX_REQUESTS + 1


async def test_a_lost_lease_or_an_unavailable_outbox_ends_the_subscription(events: Events) -> None:
    for cause, error in (
        (events.owners.clear, FailedPrecondition),
        (lambda: setattr(events, "unavailable", True), Unavailable),
    ):
        outbox = MemoryOutbox(events)
        (subscriber,) = await outbox.lease()
        environment = sharing(outbox, sender := MemorySender())
        running = asyncio.create_task(Subscription(environment, subscriber, new_health(environment)).run())
        cause()
        environment.event_poll.last_id = 1
        with pytest.raises(error):
            await running
        assert sender.disconnected == ["one"]


async def test_no_event_is_sent_after_the_lease_expired(events: Events) -> None:
    outbox = MemoryOutbox(events)
    (subscriber,) = await outbox.lease()
    lease = LeaseTime(1)
    lease.renew(asyncio.get_running_loop().time() - 1)
    environment = sharing(outbox, sender := MemorySender(), lease=lease)
    events.append("a")
    environment.event_poll.last_id = 1
    with pytest.raises(FailedPrecondition, match="renewed"):
        await Subscription(environment, subscriber, new_health(environment)).run()
    assert sender.sent == []


async def test_a_failure_while_catching_up_ends_the_subscription(events: Events) -> None:
    refusing = Refusing("a")
    outbox = MemoryOutbox(events)
    (subscriber,) = await outbox.lease()
    environment = sharing(outbox, MemorySender(refusing))
    running = asyncio.create_task(Subscription(environment, subscriber, new_health(environment)).run())
    events.append("a", "a")
    environment.event_poll.last_id = 2

    async def fail(*_: object) -> None:
        raise ValueError("a fault of ours")

    outbox.pull_key = fail  # type: ignore[method-assign, assignment]
    with pytest.raises(ValueError, match="ours"):
        await running


async def test_lagging_flows_are_resumed_from_the_outbox(events: Events) -> None:
    events.append(*"ab" * 30)
    events.settled["one"] = Settled(60, {"a": 9})
    async with serving(events) as sender:
        await until(lambda: len(sender.ids("a")) == 25)
        await until(lambda: events.settled["one"] == (60, {}))
        assert sender.ids("b") == []
        assert sender.ids("a")[0] == 11


async def test_old_events_of_a_failing_subscriber_are_given_up_without_attempts(events: Events) -> None:
    async def answer(_subscriber: Subscriber, _message: Message) -> None:
        raise Undelivered("closed")

    async with serving(events, answer, give_up_seconds=30) as sender:
        events.append(*map(str, range(700)), age_seconds=60)
        events.append("new")
        await until(lambda: len(events.dead) == 700)
        await until(lambda: sender.refusals["new"])
        assert sender.refusals.total() < 100
    assert events.settled["one"].through >= 700


async def test_a_recovered_subscriber_receives_all_events_in_order(events: Events) -> None:
    down = True

    async def answer(_subscriber: Subscriber, _message: Message) -> None:
        if down:
            raise Undelivered("closed")

    async with serving(events, answer) as sender:
        events.append(*"abcdefgh" * 20)
        await until(lambda: sender.refusals.total() > 10)
        down = False
        await until(lambda: len(sender.sent) == 160)
        await until(lambda: events.settled["one"] == (160, {}))
    for key in "abcdefgh":
        assert sender.ids(key) == sorted(set(sender.ids(key)))
