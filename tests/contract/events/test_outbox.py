"""The outbox in memory keeps the promises of the one that calls metadata."""

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
from services.events.application.ports import Outbox
from services.events.domain.subscriber import DeadLetter, Settled, Subscriber
from services.shared.errors import FailedPrecondition
from services.shared.ids import new_uuid
from services.shared.rpc.client import call, open_channel
from services.shared.rpc.segment_urls import SegmentUrls, StorageBackends
from tests.support.flows import flow_id
from tests.support.metadata_service import metadata_channel, put_flow, running_metadata
from tests.support.outbox import Events, MemoryOutbox

NOTHING: frozenset[str] = frozenset()


class World(Protocol):
    """A store with one subscriber."""

    def deliverer(self) -> Outbox: ...
    async def change(self, *numbers: int) -> None:
        """An event of each of these flows."""

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
    async with WORLDS[request.param](tmp_path) as made:
        yield made


async def leased(outbox: Outbox) -> Subscriber:
    (subscriber,) = await outbox.lease()
    return subscriber


async def test_messages_come_in_order_and_once(world: World) -> None:
    outbox = world.deliverer()
    one = await leased(outbox)
    await world.change(1, 2, 1)
    batch = await outbox.pull(one, one.settled.through, NOTHING)
    assert [message.key for message in batch.messages] == [flow_id(1), flow_id(2), flow_id(1)]
    ids = [message.id for message in batch.messages]
    assert ids == sorted(set(ids))
    assert (ids[0] > one.settled.through, batch.seen) == (True, ids[-1])
    await world.change(3)
    (last,) = (await outbox.pull(one, batch.seen, NOTHING)).messages
    assert (last.key, last.id > batch.seen) == (flow_id(3), True)


async def test_keys_that_are_left_out_were_looked_at(world: World) -> None:
    outbox = world.deliverer()
    one = await leased(outbox)
    await world.change(2, 1)
    batch = await outbox.pull(one, one.settled.through, frozenset({flow_id(1)}))
    assert [message.key for message in batch.messages] == [flow_id(2)]
    assert batch.seen > batch.messages[0].id


async def test_a_pull_waits_for_the_first_message(world: World) -> None:
    outbox = world.deliverer()
    one = await leased(outbox)
    pulling = asyncio.create_task(outbox.pull(one, one.settled.through, NOTHING))
    await asyncio.sleep(0)
    await world.change(1)
    assert [message.key for message in (await pulling).messages] == [flow_id(1)]


async def test_one_key_comes_a_few_at_a_time(world: World) -> None:
    outbox = world.deliverer()
    one = await leased(outbox)
    await world.change(*[1, 2] * 12)
    seen, got = one.settled.through, []
    while batch := await outbox.pull_key(one, seen, flow_id(2)):
        assert len(batch.messages) <= 10
        if batch.seen == seen:
            break
        seen, got = batch.seen, got + batch.messages
    assert {message.key for message in got} == {flow_id(2)}
    assert len({message.id for message in got}) == 12
    assert await outbox.pull_key(one, seen, flow_id(2)) == ([], seen)


async def test_whoever_comes_next_begins_where_it_was_acknowledged(world: World) -> None:
    first, second = world.deliverer(), world.deliverer()
    one = await leased(first)
    await world.change(1, 2)
    batch = await first.pull(one, one.settled.through, NOTHING)
    behind = {flow_id(1): batch.messages[0].id - 1}
    letter = DeadLetter(batch.messages[1].id, "refused", 2)
    await first.acknowledge(one, Settled(batch.seen, behind), [letter])
    assert await leased(first) == one._replace(settled=Settled(batch.seen, behind))
    lagging = await first.pull_key(one, behind[flow_id(1)], flow_id(1))
    assert lagging.messages == batch.messages[:1]
    assert await second.lease() == [], "the first one holds the lease"


async def test_what_was_released_is_for_others_at_once(world: World) -> None:
    first, second = world.deliverer(), world.deliverer()
    one = await leased(first)
    await second.release()
    assert await second.lease() == [], "nothing of another's was released"
    await first.release()
    assert await leased(second) == one
    with pytest.raises(FailedPrecondition):
        await first.pull(one, one.settled.through, NOTHING)


async def test_who_does_not_hold_the_lease_is_refused(world: World) -> None:
    outbox, other = world.deliverer(), world.deliverer()
    one = await leased(outbox)
    await world.change(1)
    for refused in (
        other.pull(one, one.settled.through, NOTHING),
        other.pull_key(one, one.settled.through, flow_id(1)),
        other.acknowledge(one, one.settled, []),
    ):
        with pytest.raises(FailedPrecondition):
            await refused
    await world.remove()
    assert await outbox.lease() == []
    with pytest.raises(FailedPrecondition):
        await outbox.pull(one, one.settled.through, NOTHING)
