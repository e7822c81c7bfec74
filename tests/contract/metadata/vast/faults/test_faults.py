"""Failures of the database: no change is lost or made twice, and answers are right."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count

import pytest

from services.metadata.adapters.vast.store import VastStore, open_vast_store
from services.metadata.domain.segments.segment import StoredSegment
from services.shared.errors import InvalidArgument, TamsError, Unavailable
from services.vast_client.cluster import Cluster
from services.vast_client.endpoints.endpoints import Health
from simulators.vast.endpoints.faults import (
    Fault,
    conflict_storm,
    dropped,
    hung,
    lost_reply,
    refused,
    slow,
    truncated,
)
from simulators.vast.server import Server
from tests.support.metadata.flows import a_flow
from tests.support.metadata.rules import Metadata, a_segment
from tests.support.vast.clusters import KEYS, address_of, vast_rows, vast_server

pytestmark = pytest.mark.slow

SECOND = 10**9


@pytest.fixture
def server() -> Iterator[Server]:
    # Transactions have unsigned numbers of 64 bits.
    with vast_server(with_store=True, endpoints=3, first_txid=2**63 + 7) as running:
        yield running
        running.clear_faults()


@asynccontextmanager
async def a_store(server: Server, budget: float = 6.5, **options: object) -> AsyncIterator[VastStore]:
    cluster = Cluster(address_of(server.urls), KEYS, budget=budget)
    all_options = {"cache_entries": 100, "cache_seconds": 1.0, "max_waiting": 1000, **options}
    async with open_vast_store(cluster, **all_options) as store:  # type: ignore[arg-type]
        yield store


@pytest.fixture
async def store(server: Server) -> AsyncIterator[VastStore]:
    async with a_store(server) as opened:
        yield opened


@pytest.fixture
async def metadata(store: VastStore) -> Metadata:
    metadata = Metadata(store)
    await metadata.put(a_flow(1))
    return metadata


async def segments_of(metadata: Metadata, number: int = 1) -> list[StoredSegment]:
    return await metadata.all_segments(number)


def starts(segments: list[StoredSegment]) -> list[int]:
    return [segment.start_ns for segment in segments]


@pytest.mark.parametrize(
    "fault",
    [
        conflict_storm(3),
        refused(503, "SlowDown", times=2),
        refused(503, "Busy", "begin", "insert", "commit", times=3),
        refused(500, "InternalError", "insert", times=2),
        refused(502, "BadGateway", "update", times=1),
        dropped("begin", times=2),
        dropped("insert", times=1),
        dropped("commit", times=2),
        lost_reply("insert", times=2),
        lost_reply("commit", times=1),
        lost_reply("commit", times=3),
        truncated(40, times=2),
        truncated(0, times=1),
    ],
    ids=repr,
)
async def test_a_write_succeeds_once_despite_a_fault(
    server: Server, store: VastStore, metadata: Metadata, fault: Fault
) -> None:
    server.endpoints[0].faults.add(fault)
    server.endpoints[1].faults.add(fault)
    server.endpoints[2].faults.add(fault)
    for number in range(5):
        assert (
            await metadata.register(1, a_segment(number * SECOND, (number + 1) * SECOND, f"o{number}")) == []
        )
    server.clear_faults()
    assert starts(await segments_of(metadata)) == [number * SECOND for number in range(5)]
    assert len(vast_rows(store.cluster, "segments")) == len(vast_rows(store.cluster, "objects")) == 5
    (flow,) = vast_rows(store.cluster, "flows")
    assert (flow["segments"], flow["start_ns"], flow["end_ns"]) == (5, 0, 5 * SECOND)


async def test_a_stopped_endpoint_fails_no_request(server: Server, metadata: Metadata) -> None:
    server.stop(server.endpoints[0])
    for number in range(30):
        await metadata.register(1, a_segment(number, number + 1, f"o{number}"))
        assert len(await segments_of(metadata)) == number + 1


async def stop_until_noticed(server: Server, store: VastStore, metadata: Metadata) -> None:
    """Stop the first endpoint, and work until a call has failed there, which a slow endpoint may delay."""
    server.stop(server.endpoints[0])
    for number in count(1000):
        if health_of_first(server, store).failures_in_a_row:
            return
        await metadata.register(1, a_segment(number, number + 1, f"o{number}"))


def health_of_first(server: Server, store: VastStore) -> Health:
    (first,) = [health for health in store.cluster.endpoints.health() if health.endpoint == server.urls[0]]
    return first


async def test_a_stopped_endpoint_fails_few_calls(
    server: Server, store: VastStore, metadata: Metadata
) -> None:
    await stop_until_noticed(server, store, metadata)
    for number in range(30):
        await metadata.register(1, a_segment(number, number + 1, f"o{number}"))
    assert health_of_first(server, store).failures_in_a_row <= 10


async def test_a_restarted_endpoint_is_used_again(
    server: Server, store: VastStore, metadata: Metadata
) -> None:
    await stop_until_noticed(server, store, metadata)
    server.start(server.endpoints[0])

    async def work_until_used() -> None:
        while (health := health_of_first(server, store)).open or health.failures_in_a_row:
            await segments_of(metadata)
            await asyncio.sleep(0.02)

    await asyncio.wait_for(work_until_used(), 120)


async def test_a_probe_is_not_answered_from_the_cache(server: Server) -> None:
    async with a_store(server, budget=1.0) as store:
        await store.read(lambda tables: tables.webhooks.has_any())
        await store.probe()
        server.stop()
        assert await store.read(lambda tables: tables.webhooks.has_any()) is False
        with pytest.raises(Unavailable):
            await store.probe()
        server.start()
        await store.probe()


async def test_a_probe_succeeds_while_writes_fail(server: Server) -> None:
    async with a_store(server, budget=1.0) as store:
        for endpoint in server.endpoints:
            endpoint.faults.add(hung("insert", "update", "commit"))
        with pytest.raises(Unavailable):
            await Metadata(store).put(a_flow(1))
        await store.probe()


async def test_a_store_without_endpoints_is_unavailable_and_recovers(server: Server) -> None:
    async with a_store(server, budget=1.0) as store:
        metadata = Metadata(store)
        await metadata.put(a_flow(1))
        server.stop()
        with pytest.raises(Unavailable):
            await metadata.register(1, a_segment(0, 1))
        with pytest.raises(Unavailable):
            await segments_of(metadata)
        server.start()
        await metadata.register(1, a_segment(0, 1))
        assert len(await segments_of(metadata)) == 1


async def test_a_slow_endpoint_is_avoided(server: Server, metadata: Metadata) -> None:
    await metadata.register(1, a_segment(0, 1))
    server.endpoints[0].faults.add(slow(1.0, "query"))
    for _ in range(20):
        await segments_of(metadata)
    with server.endpoints[0].requests.counting() as slow_requests, server.counting() as all_requests:
        for _ in range(20):
            await segments_of(metadata)
    assert slow_requests["query"] < all_requests["query"] / 4


@pytest.mark.parametrize("fault", [hung, lambda: hung("query"), lambda: hung("insert")], ids=range(3))
async def test_an_endpoint_that_does_not_answer_fails_no_request(
    server: Server, metadata: Metadata, fault: Callable[[], Fault]
) -> None:
    server.endpoints[1].faults.add(fault())
    for number in range(10):
        assert await metadata.register(1, a_segment(number, number + 1, f"o{number}")) == []
        assert len(await segments_of(metadata)) == number + 1


async def test_a_lost_insert_and_a_lost_rollback_fail_no_write(server: Server, metadata: Metadata) -> None:
    for endpoint in server.endpoints:
        endpoint.faults.add(dropped("insert"))
        endpoint.faults.add(dropped("rollback"))
    for number in range(5):
        assert await metadata.register(1, a_segment(number, number + 1, f"o{number}")) == []


async def test_a_restart_of_the_database_loses_nothing_acknowledged(
    server: Server, metadata: Metadata
) -> None:
    acknowledged: list[int] = []

    async def register(number: int) -> None:
        if not await metadata.register(1, a_segment(number, number + 1, f"o{number}")):
            acknowledged.append(number)

    async def restart() -> None:
        for _ in range(3):
            await asyncio.sleep(0.05)
            await asyncio.to_thread(server.restart)

    await asyncio.gather(restart(), *(register(number) for number in range(200)), return_exceptions=True)
    found = starts(await segments_of(metadata))
    assert set(acknowledged) <= set(found)
    assert len(found) == len(set(found))


async def test_two_processes_store_no_overlapping_segments(server: Server) -> None:
    async with a_store(server) as first_store, a_store(server) as second_store:
        first, second = Metadata(first_store), Metadata(second_store)
        await first.put(a_flow(1))

        async def register(metadata: Metadata, number: int, name: str) -> str:
            try:
                failed = await metadata.register(1, a_segment(number, number + 2, f"{name}{number}"))
            except TamsError as error:
                return error.reason
            return failed[0].error.reason if failed else ""

        outcomes = await asyncio.gather(
            *(register(first, number, "a") for number in range(40)),
            *(register(second, number, "b") for number in range(40)),
        )
        found = await segments_of(first)
        assert sum(outcome == "" for outcome in outcomes) == len(found)
        assert set(outcomes) == {"", "SEGMENT_OVERLAP"}
        ends = [segment.end_ns for segment in found]
        assert all(end <= start for end, start in zip(ends, starts(found)[1:], strict=False))
        (flow,) = vast_rows(first_store.cluster, "flows")
        assert flow["segments"] == len(found)


async def test_two_processes_create_a_flow_and_its_source_once(server: Server) -> None:
    async with a_store(server) as first_store, a_store(server) as second_store:
        first, second = Metadata(first_store), Metadata(second_store)
        await asyncio.gather(
            *(metadata.put(a_flow(number)) for number in range(1, 9) for metadata in (first, second))
        )
        ids = [row["id"] for row in vast_rows(first_store.cluster, "flows")]
        assert len(ids) == len(set(ids)) == 8
        sources = [row["id"] for row in vast_rows(first_store.cluster, "sources")]
        assert len(sources) == len(set(sources))


async def test_a_flow_deleted_by_another_process_accepts_no_segments(server: Server) -> None:
    async with a_store(server) as first_store, a_store(server) as second_store:
        first, second = Metadata(first_store), Metadata(second_store)
        for _ in range(10):
            await first.put(a_flow(1))
            await asyncio.gather(
                first.flows.delete(a_flow(1)["id"]),
                second.register(1, a_segment(0, 1)),
                return_exceptions=True,
            )
            assert vast_rows(first_store.cluster, "segments") == []


async def test_a_document_larger_than_a_cell_is_refused(metadata: Metadata, store: VastStore) -> None:
    await metadata.put(a_flow(2))
    with pytest.raises(InvalidArgument) as raised:
        await metadata.put(a_flow(2, description="x" * 130_000))
    assert raised.value.reason == "DOCUMENT_TOO_LARGE"
    assert len(vast_rows(store.cluster, "flows")) == 2
