"""One subscriber: order, flows that lag, and what is acknowledged."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from services.events.application import service as services
from services.events.application.delivery import Delivery
from services.events.application.ports import Undelivered
from services.events.application.service import MAX_BEHIND, Service
from services.events.domain.subscriber import Message, Settled, Subscriber
from services.shared.errors import FailedPrecondition, Unavailable
from tests.support.outbox import Events, MemoryOutbox, MemorySender
from tests.support.polling import until

PLACES = 4


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "ACKNOWLEDGE_SECONDS", 0.01)


@pytest.fixture
async def events() -> Events:
    made = Events()
    made.subscribe("one")
    return made


class Refusing:
    """Refuses what its keys name."""

    def __init__(self, *keys: str) -> None:
        self.keys = set(keys)

    async def __call__(self, _subscriber: Subscriber, message: Message) -> None:
        if message.key in self.keys:
            raise Undelivered("answered 500")


@asynccontextmanager
async def serving(
    events: Events,
    answer: Callable[[Subscriber, Message], Awaitable[None]] | None = None,
    *,
    give_up_seconds: float = 60,
) -> AsyncIterator[MemorySender]:
    """A service of the one subscriber; stopped as a deliverer that ends would."""
    sender = MemorySender(answer) if answer else MemorySender()
    outbox = MemoryOutbox(events)
    events.owners.clear()
    (subscriber,) = await outbox.lease()
    delivery = Delivery(sender, give_up_seconds=give_up_seconds, first_wait_seconds=0.005)
    running = asyncio.create_task(Service(outbox, delivery, subscriber, PLACES).run())
    try:
        yield sender
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_events_of_a_flow_keep_their_order_and_those_of_many_go_side_by_side(events: Events) -> None:
    async with serving(events) as sender:
        events.append(*"abcdef" * 50)
        await until(lambda: len(sender.sent) == 300)
        assert sender.busiest["one"] == PLACES
        for key in "abcdef":
            assert sender.ids(key) == sorted(sender.ids(key))
        await until(lambda: events.settled["one"] == (300, {}))
    assert sender.left == ["one"]


async def test_a_flow_that_is_refused_holds_up_no_other(events: Events) -> None:
    refusing = Refusing("a")
    async with serving(events, refusing) as sender:
        for _ in range(5):
            before = len(sender.sent)
            events.append("a", "b", "c", "a")
            await until(lambda before=before: len(sender.sent) == before + 2)
        await until(lambda: events.settled["one"] == (20, {"a": 0}))
        assert sender.ids("a") == []
        refusing.keys.clear()
        await until(lambda: len(sender.sent) == 20)
        assert sender.ids("a") == sorted(sender.ids("a"))
        await until(lambda: events.settled["one"] == (20, {}))
        events.append("a")
        await until(lambda: sender.ids("a")[-1] == 21)
    assert len(sender.sent) == len(set(sender.sent)) == 21


async def test_many_events_that_lag_are_caught_up_with_while_more_come(events: Events) -> None:
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


async def test_what_was_acknowledged_is_not_sent_again_by_the_next(events: Events) -> None:
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


async def test_whoever_is_stopped_within_a_round_acknowledges_what_was_taken(events: Events) -> None:
    hold = asyncio.Event()

    async def answer(_subscriber: Subscriber, message: Message) -> None:
        if message.id in {3, 5}:
            await hold.wait()

    async with serving(events, answer) as sender:
        events.append("a", "b", "a", "b", "c")
        await until(lambda: len(sender.sent) == 3)
    assert events.settled["one"] == (5, {"a": 1, "c": 4})


async def test_no_more_flows_lag_than_are_kept(events: Events) -> None:
    keys = [f"flow {number}" for number in range(MAX_BEHIND + 1)]
    refusing = Refusing(*keys)
    async with serving(events, refusing) as sender:
        events.append(*keys)
        await until(lambda: all(sender.refusals[key] for key in keys))
        events.append("other")
        await until(lambda: sender.refusals[keys[-1]] > 2)
        assert sender.sent == []
        refusing.keys.discard(keys[0])
        await until(lambda: sender.ids("other"))
        await until(lambda: len(events.settled["one"].behind) == MAX_BEHIND)
        refusing.keys.clear()
        await until(lambda: len(sender.sent) == len(keys) + 1)
        await until(lambda: events.settled["one"] == (len(keys) + 1, {}))


async def test_events_too_old_become_dead_letters_and_later_ones_go(events: Events) -> None:
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


async def test_silent_flows_take_no_places_from_others_for_long(events: Events) -> None:
    silent = {f"silent {number}" for number in range(3 * PLACES)}

    async def answer(_subscriber: Subscriber, message: Message) -> None:
        if message.key in silent:
            await asyncio.sleep(0.01)
            raise Undelivered("no answer")

    async with serving(events, answer) as sender:
        events.append(*silent, "a")
        await until(lambda: sender.ids("a"))
        events.append(*"abcd" * 20)
        await until(lambda: len(sender.sent) == 81)
        assert sender.busiest["one"] <= PLACES + services.PLACES_BEHIND


async def test_a_lost_lease_and_an_outbox_away_end_the_service(events: Events) -> None:
    for break_it, error in (
        (events.owners.clear, FailedPrecondition),
        (lambda: setattr(events, "away", True), Unavailable),
    ):
        outbox = MemoryOutbox(events, wait_seconds=0.01)
        (subscriber,) = await outbox.lease()
        sender = MemorySender()
        running = asyncio.create_task(
            Service(outbox, Delivery(sender, give_up_seconds=1), subscriber, PLACES).run()
        )
        await asyncio.sleep(0)
        break_it()
        with pytest.raises(error):
            await running
        assert sender.left == ["one"]


async def test_a_failure_while_catching_up_ends_the_service(events: Events) -> None:
    refusing = Refusing("a")
    outbox = MemoryOutbox(events, wait_seconds=0.01)
    (subscriber,) = await outbox.lease()
    delivery = Delivery(MemorySender(refusing), give_up_seconds=60, first_wait_seconds=0.005)
    running = asyncio.create_task(Service(outbox, delivery, subscriber, PLACES).run())
    events.append("a", "a")
    await until(lambda: events.settled["one"].behind)

    async def broken(*_: object) -> None:
        raise ValueError("a fault of ours")

    outbox.pull_key = broken  # type: ignore[method-assign, assignment]
    refusing.keys.clear()
    with pytest.raises(ValueError, match="ours"):
        await running


async def test_marks_that_lag_are_resumed_from_the_outbox(events: Events) -> None:
    events.append(*"ab" * 30)
    events.settled["one"] = Settled(60, {"a": 9})
    async with serving(events) as sender:
        await until(lambda: len(sender.ids("a")) == 25)
        await until(lambda: events.settled["one"] == (60, {}))
        assert sender.ids("b") == []
        assert sender.ids("a")[0] == 11
