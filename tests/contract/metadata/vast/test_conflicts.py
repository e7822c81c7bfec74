"""VAST does not document when the second of two writers of a row is refused: each way is safe."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.metadata.adapters.vast.store import VastStore, open_vast_store
from services.shared.errors import StartupError
from services.shared.vast.cluster import Cluster
from tests.support.flows import a_flow
from tests.support.metadata import Metadata, a_segment
from tests.support.vast import KEYS, address_of, vast_rows, vast_server
from tests.vast.server import Server


@asynccontextmanager
async def a_store(server: Server, *, single_writer: bool = False) -> AsyncIterator[VastStore]:
    cluster = Cluster(address_of(server.urls), KEYS)
    async with open_vast_store(
        cluster, cache_entries=100, cache_seconds=1.0, max_waiting=1000, single_writer=single_writer
    ) as store:
        yield store


@pytest.mark.parametrize("row_conflicts", ["statement", "commit"])
async def test_two_writers_of_a_flow_make_no_overlap(row_conflicts: str) -> None:
    with vast_server(row_conflicts=row_conflicts) as server:
        async with a_store(server) as one, a_store(server) as other:
            first, second = Metadata(one), Metadata(other)
            await first.put(a_flow(1))
            failed = await asyncio.gather(
                *(first.register(1, a_segment(n, n + 2, f"a{n}")) for n in range(20)),
                *(second.register(1, a_segment(n, n + 2, f"b{n}")) for n in range(20)),
            )
            rows = sorted(vast_rows(one.cluster, "segments"), key=lambda row: row["start_ns"])
            assert len(rows) == sum(not one for one in failed)
            ends = itertools.pairwise(rows)
            assert all(before["end_ns"] <= after["start_ns"] for before, after in ends)


async def test_a_database_that_notices_no_conflict_takes_one_writer_alone() -> None:
    with vast_server(row_conflicts="unnoticed") as server:
        with pytest.raises(StartupError, match="TAMS_METADATA_VAST_SINGLE_WRITER"):
            async with a_store(server):
                pass
        async with a_store(server, single_writer=True) as store:
            metadata = Metadata(store)
            await metadata.put(a_flow(1))
            assert await metadata.register(1, a_segment(0, 1)) == []
