"""The port Outbox: the implementation in memory behaves like the one that calls metadata."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest
from grpc import aio
from tams.event.v1 import event_service_pb2, webhook_service_pb2
from tams.event.v1.webhook_pb2 import IdList, Webhook
from tams.event.v1.webhook_service_pb2_grpc import WebhookServiceStub

from services.events.adapters.messages import Messages
from services.events.adapters.outbox import GrpcOutbox
from services.events.application.ports import Outbox, OutboxChange, Page
from services.events.domain.subscriber import DeadLetter, Message, Settled, Subscriber
from services.segment_documents.segment_urls import SegmentUrls
from services.segment_documents.storage_backends import StorageBackends
from services.shared.errors import FailedPrecondition
from services.shared.ids import new_uuid
from services.shared.rpc.client import call, open_channel
from tests.support.events.outbox import Events, MemoryOutbox
from tests.support.metadata.flows import flow_id
from tests.support.processes.polling import until
from tests.support.services.metadata import metadata_channel, put_flow, running_metadata

NOTHING: frozenset[str] = frozenset()
PAGE = Page(10)


class World(Protocol):
    """A store with one subscriber."""

    def deliverer(self) -> Outbox: ...
    async def change(self, *numbers: int) -> None:
        """Add an event of each of these flows."""

    async def remove(self) -> None:
        """Remove the subscriber."""


class MemoryWorld:
    def __init__(self) -> None:
        self.events = Events()
        self.events.subscribe("one")

    def deliverer(self) -> Outbox:
        return MemoryOutbox(self.events)

    async def change(self, *numbers: int) -> None:
        self.events.append(*map(flow_id, numbers))

    async def remove(self) -> None:
        self.events.remove("one")


class GrpcWorld:
    def __init__(self, outbox: aio.Channel, flows: aio.Channel) -> None:
        self._outbox = outbox
        self._flows = flows

    def deliverer(self) -> Outbox:
        messages = Messages(SegmentUrls(self._outbox, StorageBackends(self._outbox, 1.0)))
        return GrpcOutbox(self._outbox, messages, owner=new_uuid(), ttl_seconds=60, max_webhooks=10)

    async def register(self, *events: str) -> None:
        webhook = Webhook(url="https://93.184.216.34/", events=events, accept_get_urls=IdList())
        request = webhook_service_pb2.RegisterWebhookRequest(webhook=webhook)
        await call(WebhookServiceStub(self._outbox).RegisterWebhook, request)

    async def change(self, *numbers: int) -> None:
        for number in numbers:
            await put_flow(self._flows, flow_id(number), label=new_uuid())

    async def remove(self) -> None:
        await self.register()


@asynccontextmanager
async def memory_world(_folder: Path) -> AsyncIterator[World]:
    yield MemoryWorld()


@asynccontextmanager
async def grpc_world(folder: Path) -> AsyncIterator[World]:
    services = [
        event_service_pb2.DESCRIPTOR.services_by_name["EventService"],
        webhook_service_pb2.DESCRIPTOR.services_by_name["WebhookService"],
    ]
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(running_metadata(folder))
        channel = await stack.enter_async_context(open_channel(f"127.0.0.1:{server.port}", services))
        flows = await stack.enter_async_context(metadata_channel(server.port))
        world = GrpcWorld(channel, flows)
        await world.change(1, 2, 3)
        await world.register("flows/updated")
        yield world


WORLDS = {"memory": memory_world, "grpc": grpc_world}


@pytest.fixture(params=WORLDS)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with WORLDS[request.param](tmp_path) as opened:
        yield opened


async def lease_subscriber(outbox: Outbox) -> Subscriber:
    (subscriber,) = await outbox.lease()
    return subscriber


async def test_messages_are_pulled_once_and_in_order(world: World) -> None:
    outbox = world.deliverer()
    subscriber = await lease_subscriber(outbox)
    await world.change(1, 2, 1)
    batch = await outbox.pull(subscriber, subscriber.settled.through, NOTHING, PAGE)
    assert [message.key for message in batch.messages] == [flow_id(1), flow_id(2), flow_id(1)]
    ids = [message.id for message in batch.messages]
    assert ids == sorted(set(ids))
    assert (ids[0] > subscriber.settled.through, batch.seen) == (True, ids[-1])
    await world.change(3)
    (last,) = (await outbox.pull(subscriber, batch.seen, NOTHING, PAGE)).messages
    assert (last.key, last.id > batch.seen) == (flow_id(3), True)


async def test_a_pull_reads_past_events_of_excluded_keys(world: World) -> None:
    outbox = world.deliverer()
    subscriber = await lease_subscriber(outbox)
    await world.change(2, 1)
    batch = await outbox.pull(subscriber, subscriber.settled.through, frozenset({flow_id(1)}), PAGE)
    assert [message.key for message in batch.messages] == [flow_id(2)]
    assert batch.seen > batch.messages[0].id


async def test_a_wait_ends_with_an_event(world: World) -> None:
    outbox = world.deliverer()
    subscriber = await lease_subscriber(outbox)
    last = (await outbox.await_events(0)).last_id
    waiting = asyncio.create_task(outbox.await_events(last))
    await asyncio.sleep(0)
    await world.change(1)
    outbox_change = await waiting
    assert (outbox_change.last_id > last, outbox_change.registrations_changed) == (True, False)
    (message,) = (await outbox.pull(subscriber, subscriber.settled.through, NOTHING, PAGE)).messages
    assert (message.key, message.id) == (flow_id(1), outbox_change.last_id)


async def test_a_wait_ends_with_a_changed_registration(world: World) -> None:
    outbox = world.deliverer()
    await lease_subscriber(outbox)
    await world.change(1)
    last = (await outbox.await_events(0)).last_id

    async def is_noticed() -> bool:
        """Whether the wait ended. A change before the outbox begins to wait does not end it."""
        waiting = asyncio.create_task(outbox.await_events(last))
        await asyncio.sleep(0.05)
        await world.remove()
        return await waiting == OutboxChange(last, registrations_changed=True)

    await until(is_noticed)
    assert await outbox.lease() == []


async def test_a_pull_ends_at_the_size_of_its_page(world: World) -> None:
    outbox = world.deliverer()
    subscriber = await lease_subscriber(outbox)
    await world.change(1, 2, 3)
    after = subscriber.settled.through
    pulled: list[Message] = []
    for page in (Page(1), Page(2)):
        batch = await outbox.pull(subscriber, after, NOTHING, page)
        assert len(batch.messages) == page.messages
        after, pulled = batch.seen, [*pulled, *batch.messages]
    assert [message.key for message in pulled] == [flow_id(1), flow_id(2), flow_id(3)]


async def test_messages_of_a_key_are_pulled_in_pages(world: World) -> None:
    outbox = world.deliverer()
    subscriber = await lease_subscriber(outbox)
    await world.change(*[1, 2] * 12)
    seen = subscriber.settled.through
    pulled: list[Message] = []
    while batch := await outbox.pull_key(subscriber, seen, flow_id(2), PAGE):
        assert len(batch.messages) <= 10
        if batch.seen == seen:
            break
        seen, pulled = batch.seen, pulled + batch.messages
    assert {message.key for message in pulled} == {flow_id(2)}
    assert len({message.id for message in pulled}) == 12
    assert await outbox.pull_key(subscriber, seen, flow_id(2), PAGE) == ([], seen)


async def test_the_next_lease_begins_after_the_acknowledged_events(world: World) -> None:
    first, second = world.deliverer(), world.deliverer()
    subscriber = await lease_subscriber(first)
    await world.change(1, 2)
    batch = await first.pull(subscriber, subscriber.settled.through, NOTHING, PAGE)
    behind: dict[str, int] = {flow_id(1): batch.messages[0].id - 1}
    dead_letter = DeadLetter(batch.messages[1].id, "refused", 2)
    await first.acknowledge(subscriber, Settled(batch.seen, behind), [dead_letter])
    assert await lease_subscriber(first) == subscriber._replace(settled=Settled(batch.seen, behind))
    lagging = await first.pull_key(subscriber, behind[flow_id(1)], flow_id(1), PAGE)
    assert lagging.messages == batch.messages[:1]
    assert await second.lease() == [], "the first deliverer holds the lease"


async def test_a_released_lease_is_free_at_once(world: World) -> None:
    first, second = world.deliverer(), world.deliverer()
    subscriber = await lease_subscriber(first)
    await second.release()
    assert await second.lease() == [], "a deliverer releases only its own leases"
    await first.release()
    assert await lease_subscriber(second) == subscriber
    with pytest.raises(FailedPrecondition):
        await first.pull(subscriber, subscriber.settled.through, NOTHING, PAGE)


async def test_a_deliverer_without_the_lease_is_refused(world: World) -> None:
    outbox, other = world.deliverer(), world.deliverer()
    subscriber = await lease_subscriber(outbox)
    await world.change(1)
    for attempt in (
        other.pull(subscriber, subscriber.settled.through, NOTHING, PAGE),
        other.pull_key(subscriber, subscriber.settled.through, flow_id(1), PAGE),
        other.acknowledge(subscriber, subscriber.settled, []),
    ):
        with pytest.raises(FailedPrecondition):
            await attempt
    await world.remove()
    assert await outbox.lease() == []
    with pytest.raises(FailedPrecondition):
        await outbox.pull(subscriber, subscriber.settled.through, NOTHING, PAGE)
