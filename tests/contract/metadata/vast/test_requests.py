"""How many requests a read or a write costs."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from services.metadata.adapters.vast.administration import VastAdministration
from services.metadata.adapters.vast.store import VastStore, open_vast_store
from services.shared.vast.cluster import Cluster
from tests.support.flows import a_flow
from tests.support.metadata import Metadata, a_segment
from tests.support.vast import KEYS, address_of, vast_server
from tests.vast.faults import slow
from tests.vast.server import Server

FRAME = {"begin", "rollback", "commit"}


@pytest.fixture
def server() -> Iterator[Server]:
    with vast_server() as running:
        yield running


@pytest.fixture
async def store(server: Server) -> AsyncIterator[VastStore]:
    cluster = Cluster(address_of(server.urls), KEYS)
    async with open_vast_store(cluster, cache_entries=1000, cache_seconds=60, max_waiting=1000) as opened:
        yield opened


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
