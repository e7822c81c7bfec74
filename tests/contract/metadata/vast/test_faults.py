"""What the engine makes of failures of the database: nothing lost, nothing doubled, nobody told wrong."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count

import pytest

from services.metadata.adapters.vast.store import VastStore, open_vast_store
from services.metadata.domain.segment import StoredSegment
from services.shared.errors import InvalidArgument, TamsError, Unavailable
from services.shared.vast.cluster import Cluster
from services.shared.vast.endpoints import Health
from tests.support.flows import a_flow
from tests.support.metadata import Metadata, a_segment
from tests.support.vast import KEYS, address_of, vast_rows, vast_server
from tests.vast.faults import Fault, conflict_storm, dropped, lost_reply, refused, slow, truncated
from tests.vast.server import Server

SECOND = 10**9


@pytest.fixture
def server() -> Iterator[Server]:
    with vast_server(endpoints=3) as running:
        yield running


@asynccontextmanager
async def a_store(server: Server, timeout: float = 5.0, **options: object) -> AsyncIterator[VastStore]:
    cluster = Cluster(address_of(server.urls), KEYS, (timeout, timeout))
    chosen = {"cache_entries": 100, "cache_seconds": 1.0, "max_waiting": 1000, **options}
    async with open_vast_store(cluster, **chosen) as store:  # type: ignore[arg-type]
        yield store


@pytest.fixture
async def store(server: Server) -> AsyncIterator[VastStore]:
    async with a_store(server) as opened:
        yield opened


@pytest.fixture
async def metadata(store: VastStore) -> Metadata:
    made = Metadata(store)
    await made.put(a_flow(1))
    return made


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
async def test_a_write_succeeds_once_whatever_fails_underneath(
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


async def test_a_dead_endpoint_fails_no_request(server: Server, metadata: Metadata) -> None:
    server.stop(server.endpoints[0])
    for number in range(30):
        await metadata.register(1, a_segment(number, number + 1, f"o{number}"))
        assert len(await segments_of(metadata)) == number + 1


async def dead_and_noticed(server: Server, store: VastStore, metadata: Metadata) -> None:
    """Stop the first endpoint and work until a call has met that: a slow one may not be asked for a while."""
    server.stop(server.endpoints[0])
    for number in count(1000):
        if health_of_first(server, store).failures_in_a_row:
            return
        await metadata.register(1, a_segment(number, number + 1, f"o{number}"))


def health_of_first(server: Server, store: VastStore) -> Health:
    (first,) = [one for one in store.cluster.endpoints.health() if one.endpoint == server.urls[0]]
    return first


async def test_a_dead_endpoint_costs_few_calls(server: Server, store: VastStore, metadata: Metadata) -> None:
    await dead_and_noticed(server, store, metadata)
    for number in range(30):
        await metadata.register(1, a_segment(number, number + 1, f"o{number}"))
    assert health_of_first(server, store).failures_in_a_row <= 10


async def test_an_endpoint_that_comes_back_is_used_again(
    server: Server, store: VastStore, metadata: Metadata
) -> None:
    await dead_and_noticed(server, store, metadata)
    server.start(server.endpoints[0])

    async def used() -> None:
        while (health := health_of_first(server, store)).open or health.failures_in_a_row:
            await segments_of(metadata)
            await asyncio.sleep(0.02)

    await asyncio.wait_for(used(), 120)


async def test_when_all_are_dead_callers_are_told_and_it_recovers(server: Server, metadata: Metadata) -> None:
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
    with server.endpoints[0].requests.counting() as slow_one, server.counting() as all_of_them:
        for _ in range(20):
            await segments_of(metadata)
    assert slow_one["query"] < all_of_them["query"] / 4


async def test_an_endpoint_that_does_not_answer_is_given_up(server: Server) -> None:
    async with a_store(server, timeout=0.5) as store:
        metadata = Metadata(store)
        await metadata.put(a_flow(1))
        server.endpoints[1].faults.add(slow(30))
        for number in range(10):
            await metadata.register(1, a_segment(number, number + 1, f"o{number}"))
        assert len(await segments_of(metadata)) == 10
        server.clear_faults()


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


async def test_two_processes_never_make_segments_of_a_flow_overlap(server: Server) -> None:
    async with a_store(server) as one, a_store(server) as other:
        first, second = Metadata(one), Metadata(other)
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
        (flow,) = vast_rows(one.cluster, "flows")
        assert flow["segments"] == len(found)


async def test_two_processes_make_a_flow_and_its_source_once(server: Server) -> None:
    async with a_store(server) as one, a_store(server) as other:
        first, second = Metadata(one), Metadata(other)
        await asyncio.gather(
            *(metadata.put(a_flow(number)) for number in range(1, 9) for metadata in (first, second))
        )
        ids = [row["id"] for row in vast_rows(one.cluster, "flows")]
        assert len(ids) == len(set(ids)) == 8
        sources = [row["id"] for row in vast_rows(one.cluster, "sources")]
        assert len(sources) == len(set(sources))


async def test_a_flow_deleted_elsewhere_takes_no_segments(server: Server) -> None:
    async with a_store(server) as one, a_store(server) as other:
        first, second = Metadata(one), Metadata(other)
        for _ in range(10):
            await first.put(a_flow(1))
            await asyncio.gather(
                first.flows.delete(a_flow(1)["id"]),
                second.register(1, a_segment(0, 1)),
                return_exceptions=True,
            )
            assert vast_rows(one.cluster, "segments") == []


async def test_a_document_larger_than_a_cell_is_refused(metadata: Metadata, store: VastStore) -> None:
    await metadata.put(a_flow(2))
    with pytest.raises(InvalidArgument) as raised:
        await metadata.put(a_flow(2, description="x" * 130_000))
    assert raised.value.reason == "DOCUMENT_TOO_LARGE"
    assert len(vast_rows(store.cluster, "flows")) == 2
