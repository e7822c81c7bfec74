"""The outbox table, and that changes fill it."""

import asyncio

import msgspec
import pytest

from services.metadata.application.bell import Bell
from services.metadata.application.ports import Store
from services.metadata.application.webhooks import DeadLetter, Pull, Webhooks
from services.metadata.domain.event import (
    EVENT_TYPES,
    FLOW_DELETED,
    FLOW_UPDATED,
    SEGMENTS_ADDED,
    SEGMENTS_DELETED,
    Event,
)
from services.metadata.domain.segment import ExternalUrl
from services.metadata.domain.webhook import Webhook
from services.shared.addresses import Addresses
from services.shared.errors import Exhausted, FailedPrecondition, InvalidArgument
from services.shared.ids import new_uuid
from services.shared.timerange import TimeRange
from tests.support.flows import a_flow, flow_id, source_id
from tests.support.metadata import Metadata, a_segment

OWNER = "deliverer"


def an_event(flow: str = "f", document: bytes = b"") -> Event:
    return Event(FLOW_UPDATED, 1, source_id="s", flow_id=flow, document=document)


async def append(store: Store, *events: Event) -> None:
    for event in events:
        await store.write(lambda tables, event=event: tables.events.append(event))


async def ids(store: Store, after: int = 0, limit: int = 100) -> list[int]:
    return [event.id for event in await store.read(lambda tables: tables.events.after(after, limit))]


async def last_id(store: Store) -> int:
    return await store.read(lambda tables: tables.events.last_id())


async def trim(store: Store, through: int, limit: int = 100) -> int:
    return await store.write(lambda tables: tables.events.trim(through, limit))


async def test_events_come_back_as_they_were_in_order_of_their_ids(store: Store) -> None:
    event = Event(
        SEGMENTS_DELETED,
        1_700_000_000_000_000_001,
        source_id="s",
        source_collected_by=["t"],
        flow_id="f",
        flow_collected_by=["g", "h"],
        document=b'{"id":"f"}',
        span=(-1, 5, True),
    )
    await append(store, event, an_event())
    first, second = await store.read(lambda tables: tables.events.after(0, 10))
    assert (first.type, first.time_ns, first.document, first.span) == (
        event.type, event.time_ns, event.document, event.span,
    )  # fmt: skip
    assert (first.source_collected_by, first.flow_collected_by) == (["t"], ["g", "h"])
    assert first.id < second.id


async def test_pages_of_events_follow_each_other(store: Store) -> None:
    assert (await ids(store), await last_id(store)) == ([], 0)
    await append(store, *(an_event() for _ in range(5)))
    every = await ids(store)
    assert len(set(every)) == 5
    assert every == sorted(every)
    assert await last_id(store) == every[-1]
    assert await ids(store, limit=2) == every[:2]
    assert await ids(store, after=every[1], limit=2) == every[2:4]
    assert await ids(store, after=every[4]) == []


async def test_pages_of_large_events_are_shorter(store: Store) -> None:
    def change(tables) -> None:
        for _ in range(180):
            tables.events.append(an_event(document=b"x" * 100_000))

    await store.write(change)
    first = await ids(store, limit=500)
    assert 100 < len(first) < 180
    rest = await ids(store, after=first[-1], limit=500)
    assert len(set(first + rest)) == 180


async def test_trimmed_events_are_gone_and_their_ids_never_come_back(store: Store) -> None:
    await append(store, *(an_event() for _ in range(5)))
    every = await ids(store)
    assert await trim(store, every[3], limit=3) == 3
    assert len(await ids(store)) == 2
    assert await trim(store, every[3], limit=3) == 1
    assert await trim(store, every[3], limit=3) == 0
    assert await trim(store, every[4]) == 1
    assert (await ids(store), await last_id(store)) == ([], every[4])
    await append(store, an_event())
    assert (await ids(store))[0] > every[4]


async def test_a_change_that_fails_leaves_no_event(store: Store) -> None:
    def change(tables) -> None:
        tables.events.append(an_event())
        raise InvalidArgument("no", reason="NO")

    with pytest.raises(InvalidArgument):
        await store.write(change)
    await append(store, an_event())
    assert len(await ids(store)) == 1


async def test_concurrent_changes_get_ids_of_their_own(store: Store) -> None:
    await asyncio.gather(*(append(store, an_event(str(number))) for number in range(20)))
    events = await store.read(lambda tables: tables.events.after(0, 100))
    assert len({event.id for event in events}) == 20
    assert {event.flow_id for event in events} == {str(number) for number in range(20)}


@pytest.fixture
async def webhooks(store: Store, metadata: Metadata) -> Webhooks:
    return Webhooks(store, lambda: metadata.now, Addresses.parse(""), Bell())


async def subscribed(webhooks: Webhooks, **filters: object) -> str:
    """A registration that is leased."""
    wanted = {"id": "", "url": "https://93.184.216.34/", "events": sorted(EVENT_TYPES)} | filters
    stored = await webhooks.register(Webhook(**wanted))
    assert stored is not None
    await webhooks.lease(OWNER, 60, 10)
    return stored.id


async def pulled(webhooks: Webhooks, hook: str, **wanted: object) -> list[tuple[str, str]]:
    found = await webhooks.pull(Pull(OWNER, hook, **({"after": 0} | wanted)))
    return [(event.type, event.key) for event in found.events]


async def test_changes_of_flows_and_segments_are_told(metadata: Metadata, webhooks: Webhooks) -> None:
    hook = await subscribed(webhooks)
    await metadata.put(a_flow(1))
    await metadata.register(1, a_segment(0, 10), a_segment(20, 30))
    await metadata.unregister(1, TimeRange(0, 100))
    await metadata.flows.delete(flow_id(1))
    told = await pulled(webhooks, hook)
    assert [kind for kind, key in told if key == flow_id(1)] == [
        "flows/created", SEGMENTS_ADDED, SEGMENTS_DELETED, FLOW_DELETED,
    ]  # fmt: skip
    assert [kind for kind, key in told if key == source_id(1)] == ["sources/created", "sources/deleted"]
    assert await pulled(webhooks, hook, key=source_id(1)) == [
        pair for pair in told if pair[1] == source_id(1)
    ]


async def test_a_key_is_pulled_from_where_it_lags(store: Store, webhooks: Webhooks) -> None:
    hook = await subscribed(webhooks)
    await append(store, *(an_event(flow) for flow in "abab"))
    every = await ids(store)
    await webhooks.acknowledge(OWNER, hook, every[-1], {"a": every[0] - 1}, [])
    assert await pulled(webhooks, hook) == []
    assert await pulled(webhooks, hook, key="a", after=every[0] - 1) == [(FLOW_UPDATED, "a")] * 2
    few = await webhooks.pull(Pull(OWNER, hook, every[0] - 1, limit=1, key="a"))
    assert (len(few.events), few.seen) == (1, every[0])
    assert await store.read(lambda tables: tables.webhooks.settled_by_all()) == every[0] - 1


async def test_what_lags_and_dead_letters_are_acknowledged_together(
    store: Store, webhooks: Webhooks, metadata: Metadata
) -> None:
    hook = await subscribed(webhooks)
    await append(store, an_event())
    (number,) = await ids(store)
    await webhooks.acknowledge(OWNER, hook, number, {}, [DeadLetter(number, "refused", 3)])
    assert await pulled(webhooks, hook) == []
    with pytest.raises(InvalidArgument, match="lag"):
        await webhooks.acknowledge(OWNER, hook, number, {str(one): 0 for one in range(1001)}, [])
    metadata.pass_time(61)
    with pytest.raises(FailedPrecondition, match="another deliverer"):
        await webhooks.acknowledge(OWNER, hook, number, {}, [])
    with pytest.raises(FailedPrecondition, match="another deliverer"):
        await pulled(webhooks, hook)


async def test_nobody_waits_for_an_event_that_is_told(store: Store, metadata: Metadata) -> None:
    bell = Bell()
    webhooks = Webhooks(store, lambda: metadata.now, Addresses.parse(""), bell)
    hook = await subscribed(webhooks)
    waiting = asyncio.create_task(webhooks.pull(Pull(OWNER, hook, 0, wait_ms=30_000)))
    await asyncio.sleep(0)
    await append(store, an_event())
    bell.ring()
    assert [event.key for event in (await waiting).events] == ["f"]


async def test_segments_with_long_urls_are_told_of_in_more_parts(
    webhooks: Webhooks, metadata: Metadata
) -> None:
    await metadata.put(a_flow(1))
    hook = await subscribed(webhooks, events=[SEGMENTS_ADDED])
    urls = [ExternalUrl("https://elsewhere.example/" + "x" * 1000)]
    segments = [a_segment(start, start + 1, external_urls=urls) for start in range(200)]
    assert await metadata.register(1, *segments) == []
    events = (await webhooks.pull(Pull(OWNER, hook, 0))).events
    assert 1 < len(events) < 10
    told = [segment.start_ns for event in events for segment in event.segments]
    assert told == list(range(200))


async def test_registrations_have_a_bound_all_together(webhooks: Webhooks, store: Store) -> None:
    labels = [f"{number:03}{'x' * 1000}" for number in range(100)]

    def hook(number: int) -> Webhook:
        url = f"https://sink.example/{number}"
        return Webhook(new_uuid(), url, ["flows/created"], accept_get_urls=labels)

    def change(tables) -> None:
        for number in range(83):
            tables.webhooks.put(hook(number), 0)

    await store.write(change)
    with pytest.raises(Exhausted, match="bytes of webhooks"):
        await webhooks.register(hook(83))
    assert await webhooks.register(hook(0)) is not None
    assert await webhooks.register(msgspec.structs.replace(hook(0), events=[])) is None
    assert len(await webhooks.all()) == 82


async def test_what_may_no_longer_be_sent_to_can_be_removed(store: Store, metadata: Metadata) -> None:
    hook = Webhook(id="", url="http://127.0.0.1:9/hook", events=["flows/created"])
    await Webhooks(store, lambda: metadata.now, Addresses.parse("127.0.0.0/8"), Bell()).register(hook)
    closed = Webhooks(store, lambda: metadata.now, Addresses.parse(""), Bell())
    with pytest.raises(InvalidArgument, match="not an address"):
        await closed.register(hook)
    assert await closed.register(msgspec.structs.replace(hook, events=[])) is None
    assert await closed.all() == []
