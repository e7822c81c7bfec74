"""The subscribers that a process serves, which follow from its leases."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from services.events.application import deliveries, dispatch, event_poll
from services.events.application.dispatch import Dispatcher
from services.events.application.environment import LeaseTime
from services.events.application.ports import Undelivered
from services.events.domain.subscriber import Message, Subscriber
from tests.support.events.outbox import Events, MemoryOutbox, MemorySender, sharing, take
from tests.support.processes.polling import until


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "_UNAVAILABLE_SECONDS", 0.01)
    monkeypatch.setattr(event_poll, "_UNAVAILABLE_SECONDS", 0.01)
    monkeypatch.setattr(dispatch, "_MIN_RENEW_SECONDS", 0.01)


@pytest.fixture
async def events() -> Events:
    return Events()


class Reports:
    """The states that were reported to health checks."""

    def __init__(self) -> None:
        self.serving: list[bool] = []

    async def __call__(self, *, serving: bool) -> None:
        self.serving.append(serving)


@asynccontextmanager
async def dispatching(
    events: Events,
    sender: MemorySender,
    outbox: MemoryOutbox | None = None,
    lease_seconds: float = 60,
) -> AsyncIterator[Reports]:
    reports = Reports()
    environment = sharing(outbox or MemoryOutbox(events, 0.05), sender, lease=LeaseTime(lease_seconds))
    running = asyncio.create_task(Dispatcher(environment, renew_seconds=0.05).run(reports))
    try:
        yield reports
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_each_subscriber_is_served_once_it_is_leased(events: Events) -> None:
    sender = MemorySender()
    async with dispatching(events, sender) as reports:
        for name in ("one", "two"):
            events.subscribe(name)
            events.append("a")
        await until(lambda: len(sender.sent) == 3)
    assert (sender.ids("a", "one"), sender.ids("a", "two")) == ([1, 2], [2])
    assert sorted(sender.disconnected) == ["one", "two"]
    assert reports.serving[0]


async def test_a_slow_subscriber_does_not_delay_others(events: Events) -> None:
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


async def test_a_removed_subscriber_is_not_served_any_more(events: Events) -> None:
    sender = MemorySender()
    events.subscribe("one")
    async with dispatching(events, sender):
        events.append("a")
        await until(lambda: sender.ids("a") == [1])
        events.remove("one")
        await until(lambda: sender.disconnected == ["one"])
        events.subscribe("two")
        events.append("a")
        await until(lambda: sender.ids("a", "two") == [2])
    assert sender.ids("a", "one") == [1]


async def test_a_changed_subscriber_continues_after_its_settled_events(events: Events) -> None:
    class Changed(MemoryOutbox):
        url = "http://before/"

        async def lease(self) -> list[Subscriber]:
            return [subscriber._replace(url=self.url) for subscriber in await super().lease()]

    urls: list[str] = []

    async def answer(subscriber: Subscriber, _message: Message) -> None:
        urls.append(subscriber.url)

    sender, outbox = MemorySender(answer), Changed(events, 0.05)
    events.subscribe("one")
    async with dispatching(events, sender, outbox):
        events.append("a", "b")
        await until(lambda: len(sender.sent) == 2)
        outbox.url = "http://after/"
        await until(lambda: sender.disconnected)
        events.append("a")
        await until(lambda: len(sender.sent) == 3)
    assert urls == ["http://before/", "http://before/", "http://after/"]


async def test_another_process_takes_over_released_subscribers(events: Events) -> None:
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


async def test_delivery_continues_after_the_outbox_was_unavailable(events: Events) -> None:
    sender = MemorySender()
    events.subscribe("one")
    async with dispatching(events, sender) as reports:
        events.append("a")
        await until(lambda: events.settled["one"].through == 1)
        events.unavailable = True
        await until(lambda: not reports.serving[-1])
        events.append("a")
        events.unavailable = False
        await until(lambda: sender.ids("a")[-1] == 2)
        await until(lambda: reports.serving[-1])
    assert sender.ids("a") == [1, 2]


async def test_a_failed_delivery_is_started_again(events: Events) -> None:
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


async def test_a_removed_subscriber_that_does_not_answer_is_disconnected(events: Events) -> None:
    async def answer(_subscriber: Subscriber, _message: Message) -> None:
        await asyncio.Event().wait()

    sender = MemorySender(answer)
    events.subscribe("one")
    async with dispatching(events, sender):
        events.append("a")
        await until(lambda: sender.busy["one"])
        events.remove("one")
        await until(lambda: sender.disconnected == ["one"])
        assert sender.busy["one"] == 0


async def test_a_hanging_outbox_ends_deliveries_when_the_lease_expires(events: Events) -> None:
    class Hanging(MemoryOutbox):
        hangs = False

        async def lease(self) -> list[Subscriber]:
            if self.hangs:
                await asyncio.Event().wait()
            return await super().lease()

    async def answer(_subscriber: Subscriber, _message: Message) -> None:
        await asyncio.Event().wait()

    sender, outbox = MemorySender(answer), Hanging(events, 0.05)
    events.subscribe("one")
    async with dispatching(events, sender, outbox, lease_seconds=0.5) as reports:
        events.append("a")
        await until(lambda: sender.busy["one"])
        outbox.hangs = True
        await until(lambda: not reports.serving[-1])
        await until(lambda: sender.disconnected == ["one"])
        assert sender.busy["one"] == 0
        outbox.hangs, sender.answer = False, take
        await until(lambda: sender.ids("a") == [1])
        await until(lambda: reports.serving[-1])


async def test_a_single_hanging_renewal_does_not_end_deliveries(events: Events) -> None:
    class HangingOnce(MemoryOutbox):
        hangs = False

        async def lease(self) -> list[Subscriber]:
            if self.hangs:
                self.hangs = False
                await asyncio.Event().wait()
            return await super().lease()

    async def answer(_subscriber: Subscriber, _message: Message) -> None:
        await asyncio.Event().wait()

    sender, outbox, reports = MemorySender(answer), HangingOnce(events, 0.05), Reports()
    events.subscribe("one")
    environment = sharing(outbox, sender, lease=LeaseTime(2))
    running = asyncio.create_task(Dispatcher(environment, renew_seconds=0.5).run(reports))
    events.append("a")
    await until(lambda: sender.busy["one"])
    outbox.hangs = True
    await until(lambda: False in reports.serving)
    await until(lambda: reports.serving[-1])
    assert (sender.disconnected, sender.busy["one"]) == ([], 1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_failing_subscribers_pull_single_events(events: Events) -> None:
    dead = [f"dead {number}" for number in range(200)]

    async def answer(subscriber: Subscriber, _message: Message) -> None:
        if subscriber.id != "healthy":
            raise Undelivered("closed")

    sender, outbox = MemorySender(answer), MemoryOutbox(events, 0.05)
    for name in (*dead, "healthy"):
        events.subscribe(name)
    async with dispatching(events, sender, outbox):
        events.append(*map(str, range(300)))
        await until(lambda: len(sender.sent) == 300)
        await until(lambda: len({name for name, _ in outbox.pulled}) == 201)
    assert {page.messages for name, page in outbox.pulled if name != "healthy"} == {1}
    assert max(page.messages for name, page in outbox.pulled if name == "healthy") == 100


async def test_the_status_lists_failing_subscribers(events: Events) -> None:
    async def answer(subscriber: Subscriber, _message: Message) -> None:
        if subscriber.id != "healthy":
            raise Undelivered("closed")

    sender, outbox = MemorySender(answer), MemoryOutbox(events, 0.05)
    for name in ("dead", "healthy"):
        events.subscribe(name)
    environment = sharing(outbox, sender, lease=LeaseTime(60))
    dispatch = Dispatcher(environment, renew_seconds=0.05)
    running = asyncio.create_task(dispatch.run(Reports()))
    events.append("a", "b", "c")
    await until(lambda: dispatch.status().failing and len(sender.sent) == 3)
    status = dispatch.status()
    assert (status.webhooks, status.failing) == (2, 1)
    (failing,) = status.failing_subscribers
    assert (failing.webhook_id, failing.last_error, failing.backlog) == ("dead", "closed", 3)
    assert failing.failed_attempts > 0
    assert events.messages[0].time_ns <= failing.oldest_ns <= failing.since_ns
    sender.answer = take
    await until(lambda: dispatch.status().failing == 0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
