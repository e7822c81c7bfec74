"""The outbox table, and the events that changes write into it."""

import asyncio
from functools import partial
from typing import Any

import msgspec
import pytest

from services.metadata.application.deletion_requests import SLICE
from services.metadata.application.ports import Store, Tables
from services.metadata.application.webhooks.commit_signal import CommitSignal
from services.metadata.domain.ids import FlowId, SourceId
from services.metadata.domain.objects.external_url import ExternalUrl
from services.metadata.domain.webhooks.delivery import DeadLetter, Pull
from services.metadata.domain.webhooks.event import (
    EVENT_TYPES,
    FLOW_DELETED,
    FLOW_UPDATED,
    SEGMENTS_ADDED,
    SEGMENTS_DELETED,
    Event,
)
from services.metadata.domain.webhooks.webhook import Webhook
from services.shared.errors import Exhausted, FailedPrecondition, InvalidArgument
from services.shared.ids import new_uuid
from services.shared.timerange import TimeRange
from tests.support.metadata.flows import a_flow, flow_id, source_id
from tests.support.metadata.rules import Metadata, Subscribers, a_segment

OWNER = "deliverer"


def an_event(flow: str = "f", document: bytes = b"") -> Event:
    return Event(FLOW_UPDATED, 1, source_id=SourceId("s"), flow_id=FlowId(flow), document=document)


async def append(store: Store, *events: Event) -> None:
    def note(tables: Tables, event: Event) -> None:
        tables.events.append(event)

    for event in events:
        await store.write(partial(note, event=event))


async def event_ids(store: Store, after: int = 0, limit: int = 100) -> list[int]:
    return [event.id for event in await store.read(lambda tables: tables.events.after(after, limit))]


async def last_id(store: Store) -> int:
    return await store.read(lambda tables: tables.events.last_id())


async def trim(store: Store, through: int, limit: int = 100) -> int:
    return await store.write(lambda tables: tables.events.trim(through, limit))


async def test_events_are_read_unchanged_in_the_order_of_their_ids(store: Store) -> None:
    event = Event(
        SEGMENTS_DELETED,
        1_700_000_000_000_000_001,
        source_id=SourceId("s"),
        source_collected_by=[SourceId("t")],
        flow_id=FlowId("f"),
        flow_collected_by=[FlowId("g"), FlowId("h")],
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
    assert (await event_ids(store), await last_id(store)) == ([], 0)
    await append(store, *(an_event() for _ in range(5)))
    all_ids = await event_ids(store)
    assert len(set(all_ids)) == 5
    assert all_ids == sorted(all_ids)
    assert await last_id(store) == all_ids[-1]
    assert await event_ids(store, limit=2) == all_ids[:2]
    assert await event_ids(store, after=all_ids[1], limit=2) == all_ids[2:4]
    assert await event_ids(store, after=all_ids[4]) == []


async def test_pages_of_large_events_are_shorter(store: Store) -> None:
    def change(tables: Tables) -> None:
        for _ in range(60):
            tables.events.append(an_event(document=b"x" * 100_000))

    await store.write(change)
    first = await event_ids(store, limit=500)
    assert 30 < len(first) < 60
    rest = await event_ids(store, after=first[-1], limit=500)
    assert len(set(first + rest)) == 60


async def test_trimmed_events_are_removed_and_their_ids_are_not_used_again(store: Store) -> None:
    await append(store, *(an_event() for _ in range(5)))
    all_ids = await event_ids(store)
    assert await trim(store, all_ids[3], limit=3) == 3
    assert len(await event_ids(store)) == 2
    assert await trim(store, all_ids[3], limit=3) == 1
    assert await trim(store, all_ids[3], limit=3) == 0
    assert await trim(store, all_ids[4]) == 1
    assert (await event_ids(store), await last_id(store)) == ([], all_ids[4])
    await append(store, an_event())
    assert (await event_ids(store))[0] > all_ids[4]


async def test_a_change_that_fails_leaves_no_event(store: Store) -> None:
    def change(tables: Tables) -> None:
        tables.events.append(an_event())
        raise InvalidArgument("no", reason="NO")

    with pytest.raises(InvalidArgument):
        await store.write(change)
    await append(store, an_event())
    assert len(await event_ids(store)) == 1


async def test_events_of_simultaneous_changes_have_different_ids(store: Store) -> None:
    await asyncio.gather(*(append(store, an_event(str(number))) for number in range(20)))
    events = await store.read(lambda tables: tables.events.after(0, 100))
    assert len({event.id for event in events}) == 20
    assert {event.flow_id for event in events} == {str(number) for number in range(20)}


@pytest.fixture
async def subscribers(store: Store, metadata: Metadata) -> Subscribers:
    return Subscribers(store, lambda: metadata.now)


async def subscribe(subscribers: Subscribers, **filters: Any) -> str:
    """Register a webhook and lease it. Returns its id."""
    members: dict[str, Any] = {
        "id": "",
        "url": "https://93.184.216.34/",
        "events": sorted(EVENT_TYPES),
    } | filters
    stored = await subscribers.webhooks.register(Webhook(**members))
    assert stored is not None
    await subscribers.deliveries.lease(OWNER, 60, 10)
    return stored.id


async def pull(subscribers: Subscribers, webhook_id: str, **options: Any) -> list[tuple[str, str]]:
    """The type and key of each event that the subscriber gets."""
    members: dict[str, Any] = {"after": 0} | options
    batch = await subscribers.deliveries.pull(Pull(OWNER, webhook_id, **members))
    return [(event.type, event.key) for event in batch.events]


async def test_changes_of_flows_and_segments_have_events(
    metadata: Metadata, subscribers: Subscribers
) -> None:
    webhook_id = await subscribe(subscribers)
    await metadata.put(a_flow(1))
    await metadata.register(1, a_segment(0, 10), a_segment(20, 30))
    await metadata.unregister(1, TimeRange(0, 100))
    await metadata.flows.delete(flow_id(1))
    events = await pull(subscribers, webhook_id)
    assert [event_type for event_type, key in events if key == flow_id(1)] == [
        "flows/created", SEGMENTS_ADDED, SEGMENTS_DELETED, FLOW_DELETED,
    ]  # fmt: skip
    assert [event_type for event_type, key in events if key == source_id(1)] == [
        "sources/created",
        "sources/deleted",
    ]
    assert await pull(subscribers, webhook_id, key=source_id(1)) == [
        pair for pair in events if pair[1] == source_id(1)
    ]


@pytest.mark.parametrize("count", [0, 5, 2 * SLICE + 1])
async def test_the_event_of_a_deleted_flow_follows_that_of_its_segments(
    store: Store, subscribers: Subscribers, count: int
) -> None:
    metadata = Metadata(store, deletion_seconds=0)
    await metadata.put(a_flow(1))
    await metadata.register(1, *(a_segment(start, start + 2) for start in range(0, 3 * count, 3)))
    webhook_id = await subscribe(subscribers)
    await metadata.flows.delete(flow_id(1))
    await metadata.put(a_flow(1))
    while await metadata.upkeep.once():
        pass
    events = (await subscribers.deliveries.pull(Pull(OWNER, webhook_id, 0))).events
    types_and_spans = [(event.type, event.span) for event in events if event.key == flow_id(1)]
    segments = [(SEGMENTS_DELETED, (0, 3 * count - 1, False))] if count else []
    assert types_and_spans == [*segments, (FLOW_DELETED, None), ("flows/created", None)]
    assert [event.type for event in events if event.key == source_id(1)] == [
        "sources/deleted",
        "sources/created",
    ]


async def test_each_slice_of_a_deletion_has_an_event_with_its_own_span(
    store: Store, subscribers: Subscribers
) -> None:
    metadata = Metadata(store, deletion_seconds=0)
    await metadata.put(a_flow(1))
    await metadata.register(1, *(a_segment(start, start + 1) for start in range(3 * SLICE)))
    webhook_id = await subscribe(subscribers, events=[SEGMENTS_DELETED])
    await metadata.segments.delete(flow_id(1), TimeRange(10, None), None)
    await metadata.upkeep.once()
    await metadata.flows.delete(flow_id(1))
    await metadata.put(a_flow(1))
    while await metadata.upkeep.once():
        pass
    spans = [event.span for event in (await subscribers.deliveries.pull(Pull(OWNER, webhook_id, 0))).events]
    starts = (10, SLICE + 10, 2 * SLICE + 10)
    assert spans == [(*starts[:2], False), (*starts[1:], False), (0, 3 * SLICE, False)]


async def test_a_key_is_pulled_from_the_place_where_it_lags(store: Store, subscribers: Subscribers) -> None:
    webhook_id = await subscribe(subscribers)
    await append(store, *(an_event(flow) for flow in "abab"))
    all_ids = await event_ids(store)
    await subscribers.deliveries.acknowledge(OWNER, webhook_id, all_ids[-1], {"a": all_ids[0] - 1}, [])
    assert await pull(subscribers, webhook_id) == []
    assert await pull(subscribers, webhook_id, key="a", after=all_ids[0] - 1) == [(FLOW_UPDATED, "a")] * 2
    batch = await subscribers.deliveries.pull(Pull(OWNER, webhook_id, all_ids[0] - 1, limit=1, key="a"))
    assert (len(batch.events), batch.seen) == (1, all_ids[0])
    assert await store.read(lambda tables: tables.webhooks.settled_by_all()) == all_ids[0] - 1


async def test_lags_and_dead_letters_are_acknowledged_together(
    store: Store, subscribers: Subscribers, metadata: Metadata
) -> None:
    webhook_id = await subscribe(subscribers)
    await append(store, an_event())
    (number,) = await event_ids(store)
    await subscribers.deliveries.acknowledge(
        OWNER, webhook_id, number, {}, [DeadLetter(number, "refused", 3)]
    )
    assert await pull(subscribers, webhook_id) == []
    with pytest.raises(InvalidArgument, match="lag"):
        await subscribers.deliveries.acknowledge(
            OWNER, webhook_id, number, {str(key): 0 for key in range(1001)}, []
        )
    metadata.pass_time(61)
    with pytest.raises(FailedPrecondition, match="another process"):
        await subscribers.deliveries.acknowledge(OWNER, webhook_id, number, {}, [])
    with pytest.raises(FailedPrecondition, match="another process"):
        await pull(subscribers, webhook_id)


async def test_a_pull_that_waits_ends_with_the_next_event(store: Store, metadata: Metadata) -> None:
    committed = CommitSignal()
    subscribers = Subscribers(store, lambda: metadata.now, committed=committed)
    webhook_id = await subscribe(subscribers)
    waiting = asyncio.create_task(subscribers.deliveries.pull(Pull(OWNER, webhook_id, 0, wait_ms=30_000)))
    await asyncio.sleep(0)
    await append(store, an_event())
    committed.set()
    assert [event.key for event in (await waiting).events] == ["f"]


async def test_segments_with_long_urls_are_divided_into_several_events(
    subscribers: Subscribers, metadata: Metadata
) -> None:
    await metadata.put(a_flow(1))
    webhook_id = await subscribe(subscribers, events=[SEGMENTS_ADDED])
    urls = [ExternalUrl("https://elsewhere.example/" + "x" * 1000)]
    segments = [a_segment(start, start + 1, external_urls=urls) for start in range(200)]
    assert await metadata.register(1, *segments) == []
    events = (await subscribers.deliveries.pull(Pull(OWNER, webhook_id, 0))).events
    assert 1 < len(events) < 10
    starts = [segment.start_ns for event in events for segment in event.segments]
    assert starts == list(range(200))


async def test_the_total_size_of_registrations_is_bounded(subscribers: Subscribers, store: Store) -> None:
    labels = [f"{number:03}{'x' * 1000}" for number in range(100)]

    def large_webhook(number: int) -> Webhook:
        url = f"https://sink.example/{number}"
        return Webhook(new_uuid(), url, ["flows/created"], accept_get_urls=labels)

    def change(tables: Tables) -> None:
        for number in range(83):
            tables.webhooks.put(large_webhook(number), 0)

    await store.write(change)
    with pytest.raises(Exhausted, match="bytes of webhooks"):
        await subscribers.webhooks.register(large_webhook(83))
    assert await subscribers.webhooks.register(large_webhook(0)) is not None
    assert await subscribers.webhooks.register(msgspec.structs.replace(large_webhook(0), events=[])) is None
    assert len(await subscribers.webhooks.all()) == 82


async def test_a_registration_with_a_forbidden_address_can_be_removed(
    store: Store, metadata: Metadata
) -> None:
    webhook = Webhook(id="", url="http://127.0.0.1:9/hook", events=["flows/created"])
    await Subscribers(store, lambda: metadata.now, "127.0.0.0/8").webhooks.register(webhook)
    restricted = Subscribers(store, lambda: metadata.now).webhooks
    with pytest.raises(InvalidArgument, match="not an address"):
        await restricted.register(webhook)
    assert await restricted.register(msgspec.structs.replace(webhook, events=[])) is None
    assert await restricted.all() == []


async def test_a_scheme_that_was_stored_in_capitals_is_served_in_lower_case(
    store: Store, subscribers: Subscribers
) -> None:
    webhook = Webhook(new_uuid(), "HTTPS://sink.example/", ["flows/created"])
    await store.write(lambda tables: tables.webhooks.put(webhook, 0))
    assert [webhook.url for webhook in await subscribers.webhooks.all()] == ["https://sink.example/"]
    assert await subscribers.webhooks.register(msgspec.structs.replace(webhook, events=[])) is None
    assert await subscribers.webhooks.all() == []


@pytest.mark.parametrize("owner", ["", " ", "x" * 201])
async def test_a_lease_without_a_valid_owner_is_refused(subscribers: Subscribers, owner: str) -> None:
    await subscribe(subscribers)
    await subscribers.deliveries.release(OWNER)
    with pytest.raises(InvalidArgument, match="owner"):
        await subscribers.deliveries.lease(owner, 60, 10)
