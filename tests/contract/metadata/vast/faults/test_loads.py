"""Bulk loads while the database fails: no row is lost or stored twice."""

import asyncio
import json
import time
import uuid
from typing import Any

import pytest

from client.loading.samples import Samples
from client.loading.sizing import BatchSize
from services.metadata.adapters.vast.store import open_vast_store
from services.metadata.application.loads.batches import Batch
from services.metadata.application.loads.loads import BulkLoads
from services.metadata.domain.load import Kind
from services.shared.errors import Unavailable
from services.vast_client.cluster import Cluster
from simulators.vast.endpoints.faults import Fault, conflict_storm, lost_reply, slow, truncated
from tests.support.metadata.flows import a_flow, flow_id
from tests.support.metadata.rules import Metadata
from tests.support.vast.clusters import KEYS, address_of, vast_rows, vast_server

pytestmark = pytest.mark.slow

BATCHES, ROWS = 12, 200


def batch(load_id: str, number: int) -> Batch:
    first = number * ROWS
    rows = [
        {
            "flow_id": flow_id(1),
            "object_id": f"o{start}",
            "timerange": f"[{start}:0_{start + 1}:0)",
            "get_urls": [{"url": "https://example.com/o"}],
        }
        for start in range(first, first + ROWS)
    ]
    return Batch(load_id, first, json.dumps(rows).encode())


async def send(loads: BulkLoads, next_batch: Batch) -> None:
    """Load a batch as a client does: if it is not answered, it is sent again."""
    for _ in range(20):
        try:
            assert (await loads.load(next_batch)).committed
        except Unavailable:
            await asyncio.sleep(0.05)
        else:
            return
    raise AssertionError("the batch was never answered")


FAULTS = [None, conflict_storm(4), lost_reply("commit", times=4), truncated(30, times=4)]


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
async def test_a_load_is_complete_despite_restarts_and_faults(fault: Fault | None) -> None:
    with vast_server(with_store=True) as server:
        cluster = Cluster(address_of(server.urls), KEYS, (2.0, 5.0))
        async with open_vast_store(cluster, cache_entries=100, cache_seconds=1.0, max_waiting=1000) as store:
            metadata = Metadata(store)
            await metadata.put(a_flow(1))
            loads = BulkLoads(store, lambda: metadata.now)
            load_id = (await loads.start(str(uuid.uuid4()), Kind.SEGMENTS)).id
            if fault is not None:
                server.add_fault(fault)

            async def restarts() -> None:
                for _ in range(4):
                    await asyncio.sleep(0.15)
                    await asyncio.to_thread(server.restart)

            restarting = asyncio.create_task(restarts())
            for number in range(BATCHES):
                await send(loads, batch(load_id, number))
            await restarting
            load = await loads.get(load_id)
            assert (load.rows, load.inserted, load.skipped) == (BATCHES * ROWS, BATCHES * ROWS, 0)
            starts = sorted(row["start_ns"] for row in vast_rows(cluster, "segments"))
            assert starts == [second * 10**9 for second in range(BATCHES * ROWS)]
            assert len({row["id"] for row in vast_rows(cluster, "objects")}) == BATCHES * ROWS
            (flow,) = vast_rows(cluster, "flows")
            assert (flow["segments"], flow["end_ns"]) == (BATCHES * ROWS, BATCHES * ROWS * 10**9)


async def test_a_row_that_does_not_fit_into_a_cell_is_not_stored() -> None:
    with vast_server(with_store=True) as server:
        cluster = Cluster(address_of(server.urls), KEYS, (2.0, 5.0))
        async with open_vast_store(cluster, cache_entries=100, cache_seconds=1.0, max_waiting=1000) as store:
            metadata = Metadata(store)
            loads = BulkLoads(store, lambda: metadata.now)
            load_id = (await loads.start(str(uuid.uuid4()), Kind.FLOWS)).id
            rows = [a_flow(1, description="x" * 130_000, tags={"a": "b"}), a_flow(2)]
            report = await loads.load(Batch(load_id, 0, json.dumps(rows).encode(), skip_bad=True))
            assert [(failure.index, failure.error.reason) for failure in report.failures] == [
                (0, "DOCUMENT_TOO_LARGE")
            ]
            assert [row["id"] for row in vast_rows(cluster, "flows")] == [flow_id(2)]
            assert [row["id"] for row in vast_rows(cluster, "sources")] == [a_flow(2)["source_id"]]
            assert vast_rows(cluster, "tags") == []


async def test_batches_stay_large_while_requests_are_slow() -> None:
    """The size of a batch makes up for the time of its requests, whose number does not depend on the size."""
    with vast_server(with_store=True) as server:
        cluster = Cluster(address_of(server.urls), KEYS, (2.0, 5.0))
        async with open_vast_store(cluster, cache_entries=100, cache_seconds=1.0, max_waiting=1000) as store:
            metadata = Metadata(store)
            loads = BulkLoads(store, lambda: metadata.now)
            load_id = (await loads.start(str(uuid.uuid4()), Kind.FLOWS)).id
            server.add_fault(slow(0.01))
            size, first = BatchSize(50), 0
            for _ in range(8):
                rows = [a_flow(number) for number in range(first + 1, first + size.rows + 1)]
                began = time.monotonic()
                report = await loads.load(Batch(load_id, first, json.dumps(rows).encode()))
                size.took(time.monotonic() - began, len(rows))
                assert report.committed
                first += len(rows)
            assert first > 8 * 25


async def test_a_batch_of_flows_queries_each_table_once() -> None:
    def document(number: int) -> dict[str, Any]:
        collected = [{"id": flow_id(number - 1), "role": "video"}] if number % 3 == 0 else []
        return a_flow(number, tags={"a": "b"}, flow_collection=collected)

    rows = [document(number) for number in range(1, 301)]
    with vast_server(with_store=True) as server:
        cluster = Cluster(address_of(server.urls), KEYS, (2.0, 5.0))
        async with open_vast_store(cluster, cache_entries=100, cache_seconds=1.0, max_waiting=1000) as store:
            metadata = Metadata(store)
            loads = BulkLoads(store, lambda: metadata.now)
            load_id = (await loads.start(str(uuid.uuid4()), Kind.FLOWS)).id
            await loads.get(load_id)
            with server.counting() as counted:
                assert (await loads.load(Batch(load_id, 0, json.dumps(rows).encode()))).committed
            # The queries: the load twice, its keys, webhooks, flows, sources, and collections.
            assert counted["query"] <= 8
            assert len(vast_rows(cluster, "collections")) == 100


DELAY = 0.005
# Milliseconds of work for a flow, beside the requests: none, and about three times as much as was measured.
WORK = (0.0, 2.0)


@pytest.mark.parametrize("work_ms", WORK)
async def test_ten_thousand_flows_are_few_requests_in_batches_that_stay_large(work_ms: float) -> None:
    """The client is given the time that the requests of a batch would take, 5 ms each, and the work."""
    rows = list(Samples(sources=5000, flows=10_000, segments=0, seed=1).flow_rows())
    with vast_server(with_store=True, endpoints=1) as server:
        cluster = Cluster(address_of(server.urls), KEYS)
        async with open_vast_store(cluster, cache_entries=100, cache_seconds=1.0, max_waiting=1000) as store:
            loads = BulkLoads(store, lambda: Metadata(store).now)
            load_id = (await loads.start(str(uuid.uuid4()), Kind.FLOWS)).id
            size, sizes, seconds, requests, first = BatchSize(), list[int](), 0.0, 0, 0
            while batch := rows[first : first + size.rows]:
                with server.counting() as counter:
                    body = b"[%b]" % b",".join(batch)
                    assert (await loads.load(Batch(load_id, first, body))).committed
                requests += counter.total()
                took = DELAY * counter.total() + len(batch) * work_ms / 1000
                size.took(took, len(batch))
                seconds, first = seconds + took, first + len(batch)
                sizes.append(size.rows)
        assert len(rows) / seconds >= 300
        assert requests <= 1200
        assert min(sizes) >= (100 if work_ms else 500)
