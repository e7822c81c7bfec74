"""Segments are deleted even if the statistics of their flow are wrong, which corrects the statistics."""

import asyncio
from collections.abc import Mapping

import pytest

from services.metadata.adapters.sqlite.store import SqliteStore
from services.metadata.adapters.vast.store import VastStore
from services.metadata.application.ports import Store
from services.metadata.application.segments.loops import Loops
from services.metadata.domain.flows.loop import TAG
from services.shared.timerange import TimeRange
from services.vast_client.filters.filters import EVERYTHING
from tests.contract.metadata.conftest import Engine
from tests.support.metadata.flows import a_flow, flow_id
from tests.support.metadata.rules import Metadata, a_segment
from tests.support.vast.clusters import add_rows, change_rows, vast_rows

TOO_MANY = {"segments": 7}
TOO_FEW = {"segments": 1}
NONE = {"segments": 0, "start_ns": None, "end_ns": None}
TOO_LONG = {"start_ns": -50, "end_ns": 100}
TOO_SHORT = {"start_ns": 10, "end_ns": 20}
ELSEWHERE = {"start_ns": 1000, "end_ns": 2000}
WRONG = [TOO_MANY, TOO_FEW, NONE, TOO_LONG, TOO_SHORT, ELSEWHERE, TOO_MANY | TOO_LONG, TOO_FEW | TOO_SHORT]


async def write_statistics(store: Store, values: Mapping[str, int | None]) -> None:
    if isinstance(store, SqliteStore):
        names = ", ".join(f"{name} = ?" for name in values)
        sql = f"UPDATE flow_stats SET {names}"
        await store.alter(lambda connection: connection.execute(sql, list(values.values())))
    else:
        assert isinstance(store, VastStore)
        await asyncio.to_thread(change_rows, store.cluster, "flows", EVERYTHING, **values)
        store.cache.clear()


@pytest.fixture
async def wrong(request: pytest.FixtureRequest, store: Store, metadata: Metadata) -> Metadata:
    """A service with a flow of three segments, whose statistics are wrong."""
    await metadata.put_flows([1])
    assert await metadata.register(1, a_segment(0, 10), a_segment(10, 20), a_segment(20, 30)) == []
    await write_statistics(store, request.param)
    return metadata


@pytest.mark.parametrize("wrong", WRONG, indirect=True)
async def test_all_segments_are_deleted(wrong: Metadata, engine: Engine) -> None:
    assert (await wrong.unregister(1)).segments == 3
    assert await wrong.all_segments(1) == []
    assert engine.rows("segments") == []
    (statistics,) = engine.rows("flow_stats")
    assert (statistics["segments"], statistics["start_ns"], statistics["end_ns"]) == (0, None, None)
    assert await wrong.register(1, a_segment(5, 15)) == []


@pytest.mark.parametrize("wrong", WRONG, indirect=True)
async def test_segments_are_deleted_with_their_flow(wrong: Metadata, engine: Engine) -> None:
    await wrong.flows.delete(flow_id(1))
    assert engine.rows("segments") == []


@pytest.mark.parametrize("wrong", [TOO_MANY, TOO_FEW, TOO_LONG, ELSEWHERE], indirect=True)
async def test_segments_are_deleted_one_by_one(wrong: Metadata, engine: Engine) -> None:
    for start in (0, 20, 10):
        await wrong.unregister(1, TimeRange(start, start + 10))
    await wrong.unregister(1)
    assert engine.rows("segments") == []


async def test_doubled_rows_are_read_and_deleted(metadata: Metadata, store: Store, engine: Engine) -> None:
    if isinstance(store, SqliteStore):
        pytest.skip("its keys are unique")
    await metadata.put_flows([1])
    assert await metadata.register(1, a_segment(0, 10), a_segment(10, 20)) == []
    assert isinstance(store, VastStore)
    cluster = store.cluster
    for table in ("sources", "flows", "objects", "segments"):
        await asyncio.to_thread(add_rows, cluster, table, *vast_rows(cluster, table))
    store.cache.clear()
    assert (await metadata.flow(1))["id"] == flow_id(1)
    assert len(await metadata.all_flows()) in (1, 2)
    assert len(await metadata.all_segments(1)) in (2, 4)
    await metadata.put_flows([1], label="new")
    assert await metadata.register(1, a_segment(30, 40)) == []
    await metadata.unregister(1)
    await metadata.flows.delete(flow_id(1))
    assert engine.rows("segments") == engine.rows("flows") == []


async def test_a_loop_goes_by_its_last_segment_and_not_by_its_extent(
    store: Store, metadata: Metadata
) -> None:
    await metadata.put(a_flow(1, tags={TAG: "0.001"}))
    assert await metadata.register(1, a_segment(0, 10), a_segment(10, 20), a_segment(20, 30)) == []
    await write_statistics(store, {"end_ns": 10**15})
    loops = Loops(store, metadata.clock, 0)
    while await loops.step():
        pass
    assert len(await metadata.all_segments(1)) == 3
