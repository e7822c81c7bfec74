"""Leases: what this process serves follows from them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from services.events.application import dispatch as dispatches
from services.events.application.delivery import Delivery
from services.events.application.dispatch import Dispatch
from services.events.application.ports import Undelivered
from services.events.domain.subscriber import Message, Subscriber
from tests.support.outbox import Events, MemoryOutbox, MemorySender, take
from tests.support.polling import until


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatches, "_AWAY_SECONDS", 0.01)


@pytest.fixture
async def events() -> Events:
    return Events()


class Reports:
    """What was told to health checkers."""

    def __init__(self) -> None:
        self.serving: list[bool] = []

    async def __call__(self, *, serving: bool) -> None:
        self.serving.append(serving)


@asynccontextmanager
async def dispatching(
    events: Events, sender: MemorySender, outbox: MemoryOutbox | None = None
) -> AsyncIterator[Reports]:
    reports = Reports()
    delivery = Delivery(sender, give_up_seconds=60, first_wait_seconds=0.005)
    dispatch = Dispatch(outbox or MemoryOutbox(events, 0.05), delivery, places=2, renew_seconds=0.01)
    running = asyncio.create_task(dispatch.run(reports))
    try:
        yield reports
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_each_subscriber_is_served_from_its_lease_on(events: Events) -> None:
    sender = MemorySender()
    async with dispatching(events, sender) as reports:
        for name in ("one", "two"):
            events.subscribe(name)
            events.append("a")
        await until(lambda: len(sender.sent) == 3)
    assert (sender.ids("a", "one"), sender.ids("a", "two")) == ([1, 2], [2])
    assert sorted(sender.left) == ["one", "two"]
    assert reports.serving[0]


async def test_a_slow_subscriber_delays_no_other(events: Events) -> None:
    released = asyncio.Event()

    async def answer(subscriber: Subscriber, _message: Message) -> None:
        if subscriber.id == "slow":
            await released.wait()

    sender = MemorySender(answer)
    for name in ("slow", "quick"):
        events.subscribe(name)
    async with dispatching(events, sender):
        events.append(*"abc" * 50)
        await until(lambda: len(sender.sent) == 150)
        assert {name for name, _, _ in sender.sent} == {"quick"}
        released.set()
        await until(lambda: len(sender.sent) == 300)
    for key in "abc":
        assert sender.ids(key, "slow") == sender.ids(key, "quick") == sorted(sender.ids(key, "slow"))


async def test_a_removed_subscriber_is_served_no_more(events: Events) -> None:
    sender = MemorySender()
    events.subscribe("one")
    async with dispatching(events, sender):
        events.append("a")
        await until(lambda: sender.ids("a") == [1])
        events.remove("one")
        await until(lambda: sender.left == ["one"])
        events.subscribe("two")
        events.append("a")
        await until(lambda: sender.ids("a", "two") == [2])
    assert sender.ids("a", "one") == [1]


async def test_a_changed_subscriber_begins_again_where_it_was(events: Events) -> None:
    class Changed(MemoryOutbox):
        url = "http://before/"

        async def lease(self) -> list[Subscriber]:
            return [one._replace(url=self.url) for one in await super().lease()]

    urls: list[str] = []

    async def answer(subscriber: Subscriber, _message: Message) -> None:
        urls.append(subscriber.url)

    sender, outbox = MemorySender(answer), Changed(events, 0.05)
    events.subscribe("one")
    async with dispatching(events, sender, outbox):
        events.append("a", "b")
        await until(lambda: len(sender.sent) == 2)
        outbox.url = "http://after/"
        await until(lambda: sender.left)
        events.append("a")
        await until(lambda: len(sender.sent) == 3)
    assert urls == ["http://before/", "http://before/", "http://after/"]


async def test_another_takes_over_what_was_left(events: Events) -> None:
    first, second = MemorySender(), MemorySender()
    events.subscribe("one")
    async with dispatching(events, first):
        events.append("a")
        await until(lambda: first.ids("a") == [1])
    assert events.owners == {}
    async with dispatching(events, second):
        events.append("a")
        await until(lambda: second.ids("a") == [2])
    assert first.ids("a") == [1]


async def test_an_outbox_away_is_reported_and_delivery_goes_on_when_it_is_back(events: Events) -> None:
    sender = MemorySender()
    events.subscribe("one")
    async with dispatching(events, sender) as reports:
        events.append("a")
        await until(lambda: events.settled["one"].through == 1)
        events.away = True
        await until(lambda: not reports.serving[-1])
        events.append("a")
        events.away = False
        await until(lambda: sender.ids("a")[-1] == 2)
        await until(lambda: reports.serving[-1])
    assert sender.ids("a") == [1, 2]


async def test_delivery_that_fails_is_begun_anew(events: Events) -> None:
    faults = [ValueError("a fault of ours"), Undelivered("answered 500")]

    async def answer(subscriber: Subscriber, message: Message) -> None:
        if faults:
            raise faults.pop(0)
        await take(subscriber, message)

    sender = MemorySender(answer)
    events.subscribe("one")
    async with dispatching(events, sender):
        events.append("a", "a")
        await until(lambda: sender.ids("a") == [1, 2])
    assert faults == []
