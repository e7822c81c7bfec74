"""Writes that conflict are safe, whether a cluster refuses the second at its statement or at its commit."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from services.metadata.adapters.vast.store import VastStore, open_vast_store
from services.metadata.application.deletion_requests import SLICE
from services.metadata.application.ports import Tables
from services.shared.errors import InvalidArgument, StartupError
from services.shared.timerange import ETERNITY
from services.vast_client.cluster import Cluster
from simulators.vast.endpoints.faults import conflict_storm
from simulators.vast.server import Server
from tests.support.metadata.flows import Document, a_flow, flow_id
from tests.support.metadata.rules import Metadata, a_segment
from tests.support.vast.clusters import KEYS, address_of, vast_rows, vast_server

pytestmark = pytest.mark.slow


@asynccontextmanager
async def a_store(server: Server, *, single_writer: bool = False) -> AsyncIterator[VastStore]:
    cluster = Cluster(address_of(server.urls), KEYS)
    async with open_vast_store(
        cluster, cache_entries=100, cache_seconds=1.0, max_waiting=1000, single_writer=single_writer
    ) as store:
        yield store


@pytest.mark.parametrize("row_conflicts", ["statement", "commit"])
async def test_two_writers_of_a_flow_store_no_overlapping_segments(row_conflicts: str) -> None:
    with vast_server(with_store=True, row_conflicts=row_conflicts) as server:
        async with a_store(server) as first_store, a_store(server) as second_store:
            first, second = Metadata(first_store), Metadata(second_store)
            await first.put(a_flow(1))
            failed = await asyncio.gather(
                *(first.register(1, a_segment(n, n + 2, f"a{n}")) for n in range(20)),
                *(second.register(1, a_segment(n, n + 2, f"b{n}")) for n in range(20)),
            )
            rows = sorted(vast_rows(first_store.cluster, "segments"), key=lambda row: row["start_ns"])
            assert len(rows) == sum(not failures for failures in failed)
            ends = itertools.pairwise(rows)
            assert all(before["end_ns"] <= after["start_ns"] for before, after in ends)


async def test_a_write_that_conflicts_many_times_is_made_within_its_time() -> None:
    with vast_server(with_store=True) as server:
        async with a_store(server) as store:
            metadata = Metadata(store)
            await metadata.put(a_flow(1))
            server.add_fault(conflict_storm(30))
            assert await metadata.register(1, a_segment(0, 1)) == []


class SlowStore:
    """A store whose changes wait between their reads and their writes."""

    def __init__(self, store: VastStore) -> None:
        self._store = store

    async def write(self, change: Callable[[Tables], Any]) -> Any:
        def slowly(tables: Tables) -> Any:
            result = change(tables)
            time.sleep(0.1)
            return result

        return await self._store.write(slowly)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


async def test_quick_changes_of_a_row_do_not_starve_a_slow_one() -> None:
    with vast_server(with_store=True) as server:
        async with a_store(server) as first_store, a_store(server) as second_store:
            slow, quick = Metadata(SlowStore(first_store)), Metadata(second_store)
            await quick.put(a_flow(1))
            writing = asyncio.create_task(slow.put(a_flow(1, label="thought over")))
            count = 0
            while not writing.done():
                count += 1
                assert count < 100, "the slow change lost a hundred times"
                await quick.put(a_flow(1, description=str(count)))
            await writing


@pytest.mark.parametrize("row_conflicts", ["statement", "commit"])
async def test_two_writers_close_no_circle(row_conflicts: str) -> None:
    """Each writer adds a flow to a collection. Both together would close the circle 1, 2, 3, 4."""
    with vast_server(with_store=True, row_conflicts=row_conflicts) as server:
        async with a_store(server) as first_store, a_store(server) as second_store:
            first, second = Metadata(first_store), Metadata(second_store)
            for number in (1, 2, 3, 4):
                await first.put(collecting(number))
            await first.put(collecting(2, 3))
            await first.put(collecting(4, 1))
            for _ in range(4):
                outcomes = await asyncio.gather(
                    first.put(collecting(1, 2)), second.put(collecting(3, 4)), return_exceptions=True
                )
                refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
                assert [type(error) for error in refused] == [InvalidArgument]
                await asyncio.gather(first.put(collecting(1)), second.put(collecting(3)))


def collecting(number: int, *members: int) -> Document:
    items = [{"id": flow_id(member), "role": "r"} for member in members]
    return a_flow(number, "multi", flow_collection=items)


@pytest.mark.parametrize("row_conflicts", ["statement", "commit"])
async def test_a_deletion_of_a_process_spares_segments_that_others_register(row_conflicts: str) -> None:
    with vast_server(with_store=True, row_conflicts=row_conflicts) as server:
        async with a_store(server) as first_store, a_store(server) as second_store:
            first, second = Metadata(first_store, deletion_seconds=0), Metadata(second_store)
            await first.put(a_flow(1))
            end = 4 * (SLICE + 100)
            await first.register(1, *(a_segment(start, start + 2) for start in range(0, end, 4)))
            await first.segments.delete(flow_id(1), ETERNITY, None)
            new = range(end - 2 - 4 * 10, end, 4)
            *failed, _ = await asyncio.gather(
                *(second.register(1, a_segment(start, start + 1)) for start in new), first.upkeep.once()
            )
            assert not any(failed)
            while await first.upkeep.once():
                pass
            assert {row["start_ns"] for row in vast_rows(first_store.cluster, "segments")} == set(new)


async def test_a_database_without_conflicts_accepts_only_a_single_writer() -> None:
    with vast_server(with_store=True, row_conflicts="unnoticed") as server:
        with pytest.raises(StartupError, match="TAMS_METADATA_VAST_SINGLE_WRITER"):
            async with a_store(server):
                pass
        async with a_store(server, single_writer=True) as store:
            metadata = Metadata(store)
            await metadata.put(a_flow(1))
            assert await metadata.register(1, a_segment(0, 1)) == []
