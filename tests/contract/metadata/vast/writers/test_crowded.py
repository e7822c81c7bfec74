"""Large changes that conflict with others are made in parts."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from services.metadata.adapters.vast.store import VastStore, open_vast_store
from services.metadata.application.loads.batches import Batch, Report
from services.metadata.application.loads.loads import BulkLoads
from services.metadata.application.ports import Crowded, Divisible, ServiceInfo, Stepwise, Tables
from services.metadata.domain.load import Kind
from services.metadata.domain.segments.segment import Segment
from services.shared.errors import Unavailable
from services.vast_client.cluster import Cluster
from simulators.vast.endpoints.faults import UNLIMITED, Fault, conflict_storm, refused
from simulators.vast.server import Server
from tests.support.metadata.flows import a_flow, flow_id
from tests.support.metadata.rules import Metadata, a_segment
from tests.support.processes.polling import until
from tests.support.vast.clusters import KEYS, address_of, vast_rows

pytestmark = pytest.mark.slow

ROWS = 2500


async def open_store(server: Server) -> AsyncIterator[VastStore]:
    cluster = Cluster(address_of(server.urls), KEYS)
    async with open_vast_store(cluster, cache_entries=100, cache_seconds=1, max_waiting=1000) as store:
        yield store


@pytest.fixture
async def store(server: Server) -> AsyncIterator[VastStore]:
    async for store in open_store(server):
        yield store


@pytest.fixture
async def other(server: Server, store: VastStore) -> AsyncIterator[VastStore]:
    async for other_store in open_store(server):
        yield other_store


@pytest.fixture
async def metadata(store: VastStore) -> Metadata:
    metadata = Metadata(store)
    await metadata.put_flows(range(1, 6))
    return metadata


@pytest.fixture
def loads(store: VastStore, metadata: Metadata) -> BulkLoads:
    return BulkLoads(store, lambda: metadata.now)


async def start_load(loads: BulkLoads) -> str:
    return (await loads.start(str(uuid.uuid4()), Kind.SEGMENTS)).id


def batch(load_id: str, *, first: int = 0, rows: int = ROWS, invalid_row: int = -1) -> Batch:
    segments = [
        {
            "flow_id": flow_id(1),
            "object_id": f"o{start}",
            "timerange": "bad" if start == invalid_row else f"[{start}:0_{start + 1}:0)",
            "get_urls": [{"url": "https://example.com/o"}],
        }
        for start in range(first, first + rows)
    ]
    return Batch(load_id, first, json.dumps(segments).encode())


def stored_starts(store: VastStore) -> list[int]:
    return sorted(row["start_ns"] // 10**9 for row in vast_rows(store.cluster, "segments"))


async def test_a_batch_that_conflicts_twice_is_stored_in_parts(
    server: Server, store: VastStore, loads: BulkLoads
) -> None:
    load_id = await start_load(loads)
    server.add_fault(conflict_storm(2))
    with server.counting() as counter:
        report = await loads.load(batch(load_id))
    assert (report.committed, report.repeated, report.load.rows, report.failures) == (True, False, ROWS, [])
    assert counter["commit"] > 1
    assert stored_starts(store) == list(range(ROWS))
    assert (await loads.load(batch(load_id))).repeated


async def test_a_batch_with_an_invalid_row_stores_nothing_after_conflicts(
    server: Server, store: VastStore, loads: BulkLoads
) -> None:
    server.add_fault(conflict_storm(2))
    report = await loads.load(batch(await start_load(loads), invalid_row=ROWS - 1))
    assert (report.committed, report.load.rows, [failure.index for failure in report.failures]) == (
        False, 0, [ROWS - 1],
    )  # fmt: skip
    assert stored_starts(store) == []


async def test_a_batch_that_failed_between_parts_continues_there(
    server: Server, store: VastStore, loads: BulkLoads
) -> None:
    load_id = await start_load(loads)
    server.add_fault(conflict_storm(2))
    server.add_fault(refused(403, "AccessDenied", "commit", skip=1, times=None))
    with pytest.raises(Unavailable):
        await loads.load(batch(load_id))
    done = (await loads.get(load_id)).rows
    assert 0 < done < ROWS
    server.clear_faults()
    report = await loads.load(batch(load_id))
    assert (report.committed, report.load.rows, report.load.inserted) == (True, ROWS, ROWS)
    assert stored_starts(store) == list(range(ROWS))


async def test_failures_of_a_list_in_parts_have_their_index_in_the_list(
    server: Server, store: VastStore, metadata: Metadata
) -> None:
    await metadata.register(1, a_segment(1500, 1501, "there before"))
    server.add_fault(conflict_storm(2))
    failed = await metadata.register(1, *(a_segment(start, start + 1, f"o{start}") for start in range(ROWS)))
    assert [failure.index for failure in failed] == [1500]
    assert len(vast_rows(store.cluster, "segments")) == ROWS


def many_segments() -> list[Segment[str]]:
    return [a_segment(start, start + 1, f"o{start}") for start in range(ROWS)]


async def test_a_list_whose_later_part_fails_has_an_unknown_outcome(
    server: Server, store: VastStore, metadata: Metadata
) -> None:
    server.add_fault(conflict_storm(2))
    server.add_fault(refused(403, "AccessDenied", "commit", skip=1, times=None))
    with pytest.raises(Unavailable) as caught:
        await metadata.register(1, *many_segments())
    server.clear_faults()
    registered = len(stored_starts(store))
    assert 0 < registered < ROWS
    assert caught.value.reason == "OUTCOME_UNKNOWN"
    assert f"the first {registered} segments" in caught.value.summary


async def test_a_later_part_is_repeated_while_the_database_fails(
    server: Server, store: VastStore, metadata: Metadata
) -> None:
    server.add_fault(conflict_storm(2))
    server.add_fault(refused(403, "AccessDenied", "commit", skip=1, times=2))
    assert await metadata.register(1, *many_segments()) == []
    assert len(stored_starts(store)) == ROWS


async def test_a_list_that_fails_before_its_first_part_has_its_reason(
    server: Server, metadata: Metadata
) -> None:
    server.add_fault(conflict_storm(2))
    server.add_fault(refused(403, "AccessDenied", "commit", times=None))
    with pytest.raises(Unavailable) as caught:
        await metadata.register(1, *many_segments())
    assert caught.value.reason == "STORE_REFUSED"


class InterruptedStore:
    """A store that runs an interruption after the first part of a divided change."""

    def __init__(self, store: VastStore, interruption: Callable[[], Awaitable[object]]) -> None:
        self._store = store
        self._interruption: Callable[[], Awaitable[object]] | None = interruption

    async def write(self, change: Callable[[Tables], Any]) -> Any:
        result = await self._store.write(change)
        if isinstance(change, Divisible) and self._interruption is not None:
            interruption, self._interruption = self._interruption, None
            await interruption()
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


async def test_the_rest_of_a_list_is_refused_after_the_flow_became_read_only(
    server: Server, store: VastStore, metadata: Metadata
) -> None:
    interrupted = Metadata(InterruptedStore(store, lambda: metadata.put(a_flow(1, read_only=True))))
    server.add_fault(conflict_storm(2))
    failed = await interrupted.register(1, *many_segments())
    registered = len(stored_starts(store))
    assert 0 < registered < ROWS
    assert [failure.index for failure in failed] == list(range(registered, ROWS))
    assert {failure.error.reason for failure in failed} == {"FLOW_READ_ONLY"}


async def test_batches_and_single_writes_of_two_processes_are_all_stored(
    store: VastStore, other: VastStore, metadata: Metadata, loads: BulkLoads
) -> None:
    other_service = Metadata(other)
    load_id = await start_load(loads)
    done = False

    async def register_singly(number: int) -> int:
        count = 0
        while not done:
            assert (
                await other_service.register(number, a_segment(count, count + 1, f"{number}.{count}")) == []
            )
            count += 1
        return count

    async def batches() -> list[Report]:
        nonlocal done
        try:
            return [await loads.load(batch(load_id, first=first)) for first in (0, ROWS)]
        finally:
            done = True

    writers = [asyncio.create_task(register_singly(number)) for number in range(2, 5)]
    reports = await batches()
    counts = await asyncio.gather(*writers)
    assert all(report.committed for report in reports)
    assert len(stored_starts(store)) == 2 * ROWS + sum(counts)


BUDGET = 1.0


@pytest.fixture
async def short_of_time(server: Server) -> AsyncIterator[VastStore]:
    """A store whose transactions have a short budget of time."""
    cluster = Cluster(address_of(server.urls), KEYS, budget=BUDGET)
    async with open_vast_store(cluster, cache_entries=100, cache_seconds=1, max_waiting=1000) as store:
        yield store


def long_change(tables: Tables) -> None:
    time.sleep(1.1 * BUDGET)
    tables.flows.get(flow_id(1))


def short_change(tables: Tables) -> None:
    tables.service_info.put(ServiceInfo("name"))


async def test_a_change_that_uses_up_its_time_is_requested_in_parts(short_of_time: VastStore) -> None:
    await until(lambda: short_of_time.ready)
    with pytest.raises(Crowded):
        await short_of_time.write(Divisible(long_change, list))
    with pytest.raises(Unavailable):
        await short_of_time.write(Stepwise(long_change, list))


async def test_an_unreachable_database_does_not_divide_a_change(
    server: Server, short_of_time: VastStore
) -> None:
    await until(lambda: short_of_time.ready)
    server.add_fault(Fault(operations={"update", "insert"}, stopped_seconds=UNLIMITED, times=None))
    with pytest.raises(Unavailable):
        await short_of_time.write(Divisible(short_change, list))
    server.start()
