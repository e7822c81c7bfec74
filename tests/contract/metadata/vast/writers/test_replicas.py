"""Two stores on one schema, each with a cache of its own."""

from collections.abc import AsyncIterator, Iterator

import pytest

from services.metadata.adapters.vast.administration.administration import VastAdministration
from services.metadata.adapters.vast.reading.refreshing import Refreshing
from services.metadata.adapters.vast.store import VastStore, open_vast_store
from services.metadata.application.ports import SegmentQuery
from services.shared.timerange import NEVER, TimeRange
from services.vast_client.cluster import Cluster
from simulators.vast.server import Server
from tests.support.metadata.flows import a_flow, flow_id
from tests.support.metadata.rules import Metadata, a_segment
from tests.support.processes.polling import until
from tests.support.vast.clusters import KEYS, address_of, vast_server

pytestmark = pytest.mark.slow

GAP = TimeRange(5000, 5001)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with vast_server(with_store=True) as running:
        yield running


async def open_service(server: Server, schema: str) -> AsyncIterator[Metadata]:
    cluster = Cluster(address_of(server.urls, schema), KEYS)
    async with open_vast_store(cluster, cache_entries=100, cache_seconds=60, max_waiting=1000) as store:
        yield Metadata(store)


@pytest.fixture
async def first(server: Server, request: pytest.FixtureRequest) -> AsyncIterator[Metadata]:
    async for metadata in open_service(server, f"s{abs(hash(request.node.name))}"):
        yield metadata


@pytest.fixture
async def second(server: Server, first: Metadata, request: pytest.FixtureRequest) -> AsyncIterator[Metadata]:
    async for metadata in open_service(server, f"s{abs(hash(request.node.name))}"):
        yield metadata


async def extent_of(metadata: Metadata, within: TimeRange) -> TimeRange:
    return await metadata.store.read(lambda tables: tables.segments.extent(flow_id(1), within))


@pytest.mark.parametrize("reverse", [False, True])
async def test_a_range_query_finds_a_segment_longer_than_any_before(
    first: Metadata, second: Metadata, reverse: bool
) -> None:
    await first.put(a_flow(1))
    await first.register(1, a_segment(0, 10, "a"))
    for end in (110, 1110, 11110):
        # The second store caches the flow, with the length of its longest segment.
        await second.flow(1)
        start = end // 10
        assert await first.register(1, a_segment(start, end, f"to {end}")) == []
        for within in (TimeRange(end - 1, end), TimeRange(end - 1, None), TimeRange(start + 1, start + 2)):
            found = await second.all_segments(1, within, reverse=reverse)
            assert [segment.end_ns for segment in found] == [end]
        extent = await extent_of(second, TimeRange(end - 1, end + 5))
        assert (extent.start, extent.end) == (start, end)


async def test_a_range_query_finds_the_first_segment(first: Metadata, second: Metadata) -> None:
    await first.put(a_flow(1))
    assert await second.all_segments(1, GAP) == []
    await first.register(1, a_segment(0, 10_000))
    assert len(await second.all_segments(1, GAP)) == 1


async def test_a_range_query_finds_segments_of_a_recreated_flow(first: Metadata, second: Metadata) -> None:
    await first.put(a_flow(1))
    await first.register(1, a_segment(0, 10_000))
    assert len(await second.all_segments(1)) == 1
    await first.flows.delete(flow_id(1))
    assert await second.all_segments(1) == []
    await first.put(a_flow(1))
    await first.register(1, a_segment(0, 20_000, "again"))
    assert [segment.end_ns for segment in await second.all_segments(1)] == [20_000]
    assert [segment.end_ns for segment in await second.all_segments(1, GAP)] == [20_000]


async def test_a_query_of_the_flow_is_needed_only_for_a_range_that_starts_in_a_gap(
    server: Server, first: Metadata
) -> None:
    await first.put(a_flow(1))
    await first.register(1, a_segment(0, 10, "a"), a_segment(10, 20, "b"), a_segment(30, 40, "c"))
    await first.flow(1)
    for within, queries in ((TimeRange(5, 15), 1), (TimeRange(0, 40), 1), (TimeRange(25, 35), 2)):
        with server.counting() as counter:
            await first.all_segments(1, within)
        assert (within, counter["query"]) == (within, queries)


async def test_a_flow_that_is_not_cached_is_queried_once(server: Server, first: Metadata) -> None:
    await first.put(a_flow(1))
    assert isinstance(first.store, VastStore)
    first.store.cache.clear()
    with server.counting() as counter:
        assert await first.all_segments(1, GAP) == []
    assert counter["query"] == 2


async def test_a_missing_flow_has_no_extent(first: Metadata) -> None:
    query = SegmentQuery(flow_id(9), GAP)
    assert len(await first.store.read(lambda tables: tables.segments.page(query, 1))) == 0
    assert await first.store.read(lambda tables: tables.segments.extent(flow_id(9), GAP)) == NEVER


@pytest.fixture
def frequent_refresh_checks(no_refresh_checks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each transaction look for refreshes of other processes."""
    monkeypatch.setattr("services.metadata.adapters.vast.reading.refreshing.CHECK_SECONDS", 0.0)


async def test_a_refresh_reaches_the_other_process(
    frequent_refresh_checks: None, first: Metadata, second: Metadata
) -> None:
    stores = [metadata.store for metadata in (first, second) if isinstance(metadata.store, VastStore)]
    await first.put(a_flow(1))

    async def has_cached() -> bool:
        """A look for refreshes, which began before, may empty the cache once more."""
        await second.flow(1)
        return bool(stores[1].cache.statistics().entries)

    for store in stores:
        await until(has_cached)
        await VastAdministration(store).refresh()
        assert store.cache.statistics().entries == 0
        await until(lambda: has_forgotten(second))


async def has_forgotten(metadata: Metadata) -> bool:
    """Any transaction looks for refreshes after it has answered, unless another one is looking just then."""
    assert isinstance(metadata.store, VastStore)
    await metadata.all_segments(9)
    return not metadata.store.cache.statistics().entries


async def test_a_process_looks_for_refreshes_at_intervals(server: Server, first: Metadata) -> None:
    await first.put(a_flow(1))
    assert isinstance(first.store, VastStore)
    now = 0.0
    refreshing = Refreshing(first.store.cluster, lambda: None, lambda: now)
    queries = []
    for now in (0.0, 4.9, 600.1, 600.2, 1200.0, 1200.3):  # noqa: B007 - the clock reads it
        with server.counting() as counter:
            first.store.cluster.run(refreshing.check)
        queries.append(counter["query"])
    assert queries == [0, 0, 1, 0, 0, 1]
