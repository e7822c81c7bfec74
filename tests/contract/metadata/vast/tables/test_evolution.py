"""Rows that are older than a column of their table are served, and the column is filled."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, closing

import pyarrow as pa
import pytest

from services.metadata.adapters.vast.schema import STATISTICS, TABLES
from services.metadata.adapters.vast.store import VastStore, open_vast_store
from services.shared.errors import StartupError
from services.shared.timerange import TimeRange
from services.vast_client.cluster import Cluster
from services.vast_client.filters.filters import EVERYTHING
from services.vast_client.tables import TableSpec
from simulators.vast.server import Server
from tests.support.metadata.flows import a_flow
from tests.support.metadata.rules import Metadata, a_segment
from tests.support.processes.polling import until
from tests.support.vast.clusters import (
    KEYS,
    address_of,
    change_rows,
    vast_cluster_of,
    vast_rows,
    vast_server,
)

NOTHING = dict.fromkeys(STATISTICS)


def a_store(server: Server, *, single_writer: bool = False) -> AbstractAsyncContextManager[VastStore]:
    cluster = Cluster(address_of(server.urls), KEYS)
    return open_vast_store(
        cluster, cache_entries=100, cache_seconds=0.0, max_waiting=1000, single_writer=single_writer
    )


@pytest.fixture
async def metadata(server: Server) -> AsyncIterator[Metadata]:
    async with a_store(server) as store:
        metadata = Metadata(store)
        await metadata.put_flows([1, 2])
        assert await metadata.register(1, a_segment(0, 10), a_segment(10, 40, inclusive=True)) == []
        yield metadata


def forget(metadata: Metadata, **columns: None) -> None:
    """Set columns of all flows to NULL, as an older version has left them."""
    change_rows(vast_cluster_of(metadata.store), "flows", EVERYTHING, **columns)


@pytest.mark.parametrize("lost", [{"longest_ns": None}, NOTHING, {"segments": None}, {"end_ns": None}])
async def test_missing_statistics_are_counted_when_they_are_needed(
    metadata: Metadata, lost: dict[str, None]
) -> None:
    forget(metadata, **lost)
    assert len(await metadata.all_segments(1)) == 2
    assert len(await metadata.all_segments(1, TimeRange(39, 40))) == 1
    (overlap,) = await metadata.register(1, a_segment(39, 50))
    assert overlap.error.reason == "SEGMENT_OVERLAP"
    assert await metadata.register(1, a_segment(50, 60)) == []
    assert await metadata.register(2, a_segment(0, 5)) == []
    (row,) = [flow for flow in vast_rows(vast_cluster_of(metadata.store), "flows") if flow["segments"] == 3]
    assert (row["start_ns"], row["end_ns"], row["end_inclusive"], row["longest_ns"]) == (0, 60, False, 30)


@pytest.mark.parametrize("lost", [{"longest_ns": None}, NOTHING, {"segments": None}])
async def test_segments_are_deleted_without_statistics(metadata: Metadata, lost: dict[str, None]) -> None:
    forget(metadata, **lost)
    assert (await metadata.unregister(1, TimeRange(0, 10))).segments == 1
    assert len(await metadata.all_segments(1)) == 1
    forget(metadata, **lost)
    await metadata.flows.delete(a_flow(1)["id"])
    assert vast_rows(vast_cluster_of(metadata.store), "segments") == []


async def test_rows_without_values_are_served(metadata: Metadata) -> None:
    before = await metadata.all_flows()
    forget(metadata, read_only=None, codec=None, container=None)
    change_rows(vast_cluster_of(metadata.store), "segments", EVERYTHING, end_inclusive=None)
    change_rows(
        vast_cluster_of(metadata.store), "objects", EVERYTHING, changed_ms=None, measure_attempts=None
    )
    assert len(before) == len(await metadata.all_flows()) == 2
    await metadata.put_flows([1], label="new")
    assert await metadata.register(1, a_segment(50, 60)) == []
    assert len(await metadata.all_segments(1)) == 3


@pytest.mark.parametrize("single_writer", [False, True])
async def test_a_start_fills_missing_values(metadata: Metadata, server: Server, single_writer: bool) -> None:
    cluster = vast_cluster_of(metadata.store)
    before = vast_rows(cluster, "flows")
    forget(metadata, read_only=None, codec=None, **NOTHING)

    def is_filled() -> bool:
        return vast_rows(cluster, "flows") == [
            row | {"updated": None, "codec": "", "read_only": False} for row in before
        ]

    async with a_store(server, single_writer=single_writer):
        await until(is_filled)


async def test_flows_without_a_timeline_have_one_before_the_store_serves(
    metadata: Metadata, server: Server
) -> None:
    forget(metadata, timeline=None)
    async with a_store(server) as store:
        timelines = {row["timeline"] for row in vast_rows(store.cluster, "flows")}
        assert len(timelines) == 2
        assert None not in timelines
        assert await Metadata(store).register(1, a_segment(0, 10)) == []


async def test_a_start_with_complete_rows_updates_nothing(metadata: Metadata, server: Server) -> None:
    assert metadata
    with server.counting() as counted:
        async with a_store(server):
            pass
    # The start tests for conflicts with two updates.
    assert counted["update"] <= 2


async def test_a_column_of_another_type_is_a_startup_error() -> None:
    spec = TABLES["flows"]
    index = spec.columns.get_field_index("read_only")
    columns = spec.columns.set(index, pa.field("read_only", pa.int64()))
    with vast_server() as server:
        with closing(Cluster(address_of(server.urls), KEYS)) as cluster:
            cluster.catalog.ensure([TableSpec("flows", columns, spec.sorted_by)])
        problem = "table flows, column read_only: the type is int64, it must be bool"
        with pytest.raises(StartupError, match=problem):
            async with a_store(server):
                pass


async def test_references_are_searched_if_segments_were_not_counted(metadata: Metadata) -> None:
    cluster = vast_cluster_of(metadata.store)
    assert await metadata.register(2, a_segment(0, 1, "shared"), a_segment(1, 2, "alone")) == []
    change_rows(cluster, "objects", EVERYTHING, segments=None)
    assert await metadata.register(1, a_segment(50, 60, "shared"), a_segment(60, 70, "new")) == []
    await metadata.unregister(2)
    remaining = {row["id"]: row["segments"] for row in vast_rows(cluster, "objects")}
    assert (remaining["shared"], remaining["new"], "alone" in remaining) == (1, 1, False)
    await metadata.unregister(1)
    assert vast_rows(cluster, "objects") == []
