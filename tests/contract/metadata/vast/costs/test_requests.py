"""The number of requests that a read or a change costs."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from services.metadata.adapters.vast.administration.administration import VastAdministration
from services.metadata.adapters.vast.store import VastStore, open_vast_store
from services.metadata.application.clock import utc_now
from services.metadata.application.segments.loops import Loops
from services.metadata.domain.flows import loop
from services.metadata.domain.property import PropertyChange
from services.metadata.domain.webhooks.webhook import Webhook
from services.shared.timerange import TimeRange
from services.vast_client.cluster import Cluster
from simulators.vast.endpoints.faults import slow
from simulators.vast.server import Server
from tests.support.metadata.flows import a_flow, flow_id, source_id
from tests.support.metadata.rules import Metadata, Subscribers, a_segment
from tests.support.vast.clusters import KEYS, address_of

pytestmark = pytest.mark.slow

FRAME = {"begin", "rollback", "commit"}
HOOK = Webhook(id="", url="http://127.0.0.1:1/", events=["flows/updated"])


@pytest.fixture
async def metadata(store: VastStore) -> Metadata:
    made = Metadata(store)
    await asyncio.gather(*(made.put(a_flow(number)) for number in range(1, 41)))
    await made.register(1, *(a_segment(start, start + 1, f"o{start}") for start in range(50)))
    await made.flow(1)
    return made


def requests(counted: Counter[str]) -> dict[str, int]:
    return {name: count for name, count in counted.items() if name not in FRAME}


async def counted(server: Server, work: Callable[[], Awaitable[Any]]) -> dict[str, int]:
    await asyncio.sleep(0.05)  # a rollback after the reply belongs to the work before
    with server.counting() as counter:
        await work()
        await asyncio.sleep(0.05)
    return requests(counter)


async def test_a_flow_is_one_request(server: Server, store: VastStore, metadata: Metadata) -> None:
    store.cache.clear()
    assert await counted(server, lambda: metadata.flow(1)) == {"query": 1}


async def test_a_flow_read_before_is_none(server: Server, metadata: Metadata) -> None:
    await metadata.flow(1)
    assert await counted(server, lambda: metadata.flow(1)) == {}


async def test_the_cache_counts_what_it_answers(store: VastStore, metadata: Metadata) -> None:
    store.cache.clear()
    before = VastAdministration(store).cache()
    for _ in range(4):
        await metadata.flow(1)
    after = VastAdministration(store).cache()
    assert (after.hits - before.hits, after.misses - before.misses, after.entries) == (3, 1, 1)


async def test_a_flow_written_here_is_none(server: Server, metadata: Metadata) -> None:
    changed = await metadata.put(a_flow(1, label="new"))
    with server.counting() as counter:
        assert (await metadata.flow(1))["label"] == changed["label"] == "new"
    assert requests(counter) == {}


async def test_a_page_of_segments_is_one_request(server: Server, metadata: Metadata) -> None:
    assert await counted(server, lambda: metadata.all_segments(1)) == {"query": 1}


async def test_flows_asked_for_at_once_share_a_request(
    server: Server, store: VastStore, metadata: Metadata
) -> None:
    store.cache.clear()
    server.add_fault(slow(0.3, "query"))  # all of them ask while the first are under way
    queries = await counted(
        server, lambda: asyncio.gather(*(metadata.flow(number) for number in range(1, 41)))
    )
    assert queries["query"] <= 5  # one for each thread that takes some of them, and one


async def test_writes_asked_for_at_once_share_requests(server: Server, metadata: Metadata) -> None:
    server.add_fault(slow(0.3, "commit"))  # all of them ask while the first is under way
    with server.counting() as counter:
        failed = await asyncio.gather(
            *(metadata.register(n, a_segment(100, 101, f"n{n}")) for n in range(1, 41))
        )
    assert not any(failed)
    assert counter["commit"] <= 3
    assert counter.total() <= 3 * 20


async def test_segments_at_the_end_need_no_look_at_those_before(server: Server, metadata: Metadata) -> None:
    # The flow, the object, whether there are webhooks; the flow's row, this process's, a lock; two inserts.
    found = await counted(server, lambda: metadata.register(1, a_segment(100, 101, "later")))
    assert found == {"query": 3, "update": 3, "insert": 2}


async def test_a_segment_s_removal_asks_for_no_references_of_its_object(
    server: Server, metadata: Metadata
) -> None:
    for start in (7, 8):  # the first removal of a process adds a row of its own, the next looks for it
        await metadata.unregister(1, TimeRange(start, start + 1))
    # The flow, the segment, its object, whether there are webhooks; the flow's row, this process's.
    found = await counted(server, lambda: metadata.unregister(1, TimeRange(3, 4)))
    assert found == {"query": 4, "update": 2, "delete": 2}
    await metadata.register(2, a_segment(0, 1, "o5"))
    # The object counts its segments: its row is written, not removed.
    found = await counted(server, lambda: metadata.unregister(1, TimeRange(5, 6)))
    assert found == {"query": 4, "update": 3, "delete": 1}


async def test_background_work_of_an_idle_store_asks_almost_nothing(
    server: Server, store: VastStore, metadata: Metadata
) -> None:
    subscribers = Subscribers(store, utc_now)

    async def rounds(count: int) -> None:
        for _ in range(count):
            await metadata.upkeep.once()
            await metadata.objects.unmeasured(500)
            await subscribers.deliveries.news(0, 0)
            await subscribers.deliveries.lease("deliverer", 3, 100)

    await rounds(2)  # what there was to do is done
    with server.counting() as counter:
        await rounds(50)
        await asyncio.sleep(0.05)
    # Begin, a look at what processes wrote last, end: once every some seconds.
    assert counter.total() <= 3


async def test_rounds_over_loops_that_do_not_change_ask_almost_nothing(
    server: Server, store: VastStore, metadata: Metadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    loops = Loops(store, utc_now, 0)
    tags = {loop.TAG: "0.001"}
    await asyncio.gather(*(metadata.put(a_flow(number, tags=tags)) for number in range(1, 5)))
    # A segment across the bound stays.
    await metadata.register(2, a_segment(0, 10**10), a_segment(10**10, 10**10 + 1))

    async def rounds(count: int) -> None:
        for _ in range(count):
            while await loops.step():
                pass

    await rounds(2)
    assert len(await metadata.all_segments(2)) == 2
    with server.counting() as counter:
        await rounds(50)
        await asyncio.sleep(0.05)
    assert counter.total() <= 3
    # Beyond the number that is kept, tags are read each time.
    monkeypatch.setattr("services.metadata.adapters.vast.flows.tagged._MOST_KEPT", 4)
    await metadata.register(2, a_segment(10**11, 10**11 + 1))
    await rounds(1)
    assert [segment.start_ns for segment in await metadata.all_segments(2)] == [10**11]


async def test_background_work_shows_what_this_process_did(store: VastStore, metadata: Metadata) -> None:
    subscribers = Subscribers(store, utc_now, "127.0.0.0/8")
    await metadata.upkeep.once()
    assert await subscribers.deliveries.lease("deliverer", 3, 100) == []
    await subscribers.webhooks.register(HOOK)
    assert len(await subscribers.deliveries.lease("deliverer", 3, 100)) == 1
    await metadata.put(a_flow(1, label="told"))
    assert (await subscribers.deliveries.news(0, 0)).last_id == 1


async def test_work_of_other_processes_shows_soon(
    server: Server, store: VastStore, metadata: Metadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.metadata.adapters.vast.reading.quiet.QUIET_SECONDS", 0.2)
    subscribers = Subscribers(store, utc_now, "127.0.0.0/8")
    assert (await subscribers.deliveries.news(0, 0)).last_id == 0
    cluster = Cluster(address_of(server.urls), KEYS)
    async with open_vast_store(cluster, cache_entries=9, cache_seconds=1, max_waiting=9) as other:
        there = Subscribers(other, utc_now, "127.0.0.0/8")
        await there.webhooks.register(HOOK)
        await Metadata(other).put(a_flow(1, label="elsewhere"))
        assert (await subscribers.deliveries.news(0, 5000)).last_id == 1
        assert len(await subscribers.deliveries.lease("deliverer", 3, 100)) == 1


LABEL = PropertyChange("label", None, b'"new"')
TAG = PropertyChange(None, "tag", b'"new"')


async def test_a_plain_change_of_a_flow_reads_and_writes_its_row(server: Server, metadata: Metadata) -> None:
    # The flow, whether there are webhooks; the flow's row, this process's.
    least = {"query": 2, "update": 2}
    assert await counted(server, lambda: metadata.put(a_flow(1, description="new"))) == least
    assert await counted(server, lambda: metadata.flows.update(flow_id(1), [LABEL])) == least
    assert await counted(server, lambda: metadata.sources.update(source_id(1), [LABEL])) == least


async def test_a_tag_costs_its_row_besides(server: Server, metadata: Metadata) -> None:
    flow, source = partial(metadata.flows.update, flow_id(1)), partial(metadata.sources.update, source_id(1))
    await source([TAG._replace(tag="first")])  # the table has been used
    for update in (flow, source):
        assert await counted(server, partial(update, [TAG])) == {"query": 2, "update": 2, "insert": 1}
        other = TAG._replace(value=b'"other"')
        changed = {"query": 3, "update": 2, "insert": 1, "delete": 1}
        assert await counted(server, partial(update, [other])) == changed
        gone = TAG._replace(value=None)
        assert await counted(server, partial(update, [gone])) == {"query": 3, "update": 2, "delete": 1}


async def test_a_collecting_flow_changes_as_cheaply(server: Server, metadata: Metadata) -> None:
    collection = [{"id": flow_id(2), "role": "audio"}]
    await metadata.put(a_flow(1, flow_collection=collection))
    again = a_flow(1, flow_collection=collection, description="new")
    assert await counted(server, lambda: metadata.put(again)) == {"query": 2, "update": 2}


async def test_a_new_flow_writes_its_source_only_to_hold_it(server: Server, metadata: Metadata) -> None:
    # The flow, webhooks, the source; the source's row, this process's, a lock; the flow.
    found = await counted(server, lambda: metadata.put(a_flow(50, source_id=source_id(1))))
    assert found == {"query": 3, "update": 3, "insert": 1}


async def test_leases_of_idle_subscribers_are_seldom_written(server: Server, store: VastStore) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    subscribers = Subscribers(store, lambda: now, "127.0.0.0/8", lease_margin_seconds=15)
    await subscribers.webhooks.register(HOOK)
    await subscribers.deliveries.lease("first", 3, 100)
    with server.counting() as counter:
        for _ in range(19):
            now += timedelta(seconds=0.75)
            assert len(await subscribers.deliveries.lease("first", 3, 100)) == 1
            assert await subscribers.deliveries.lease("second", 3, 100) == []
        await asyncio.sleep(0.05)
    assert counter["commit"] == 0
    assert counter.total() <= 8
    # What a deliverer that fell silent has is free at the time that it asked for.
    now += timedelta(seconds=3)
    assert len(await subscribers.deliveries.lease("second", 3, 100)) == 1
    assert await subscribers.deliveries.lease("first", 3, 100) == []
