"""A bulk load while the database comes and goes: nothing is lost, nothing doubled."""

import asyncio
import json
import uuid

import pytest

from services.metadata.adapters.vast.store import open_vast_store
from services.metadata.application.bulk_load import Batch, BulkLoads
from services.metadata.domain.load import Kind
from services.shared.errors import Unavailable
from services.shared.vast.cluster import Cluster
from tests.support.flows import a_flow, flow_id
from tests.support.metadata import Metadata
from tests.support.vast import KEYS, address_of, vast_rows, vast_server
from tests.vast.faults import Fault, conflict_storm, lost_reply, truncated

BATCHES, ROWS = 12, 200


def batch(load_id: str, number: int) -> Batch:
    first = number * ROWS
    rows = [
        {
            "flow_id": flow_id(1),
            "object_id": f"o{at}",
            "timerange": f"[{at}:0_{at + 1}:0)",
            "get_urls": [{"url": "https://example.com/o"}],
        }
        for at in range(first, first + ROWS)
    ]
    return Batch(load_id, first, json.dumps(rows).encode())


async def sent(loads: BulkLoads, one: Batch) -> None:
    """As a client does: a batch that was not answered is sent again."""
    for _ in range(20):
        try:
            assert (await loads.load(one)).committed
        except Unavailable:
            await asyncio.sleep(0.05)
        else:
            return
    raise AssertionError("the batch was never answered")


FAULTS = [None, conflict_storm(4), lost_reply("commit", times=4), truncated(30, times=4)]


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
async def test_restarts_and_faults_in_the_middle_of_a_load(fault: Fault | None) -> None:
    with vast_server() as server:
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
                await sent(loads, batch(load_id, number))
            await restarting
            load = await loads.get(load_id)
            assert (load.rows, load.inserted, load.skipped) == (BATCHES * ROWS, BATCHES * ROWS, 0)
            starts = sorted(row["start_ns"] for row in vast_rows(cluster, "segments"))
            assert starts == [at * 10**9 for at in range(BATCHES * ROWS)]
            assert len({row["id"] for row in vast_rows(cluster, "objects")}) == BATCHES * ROWS
            (flow,) = vast_rows(cluster, "flows")
            assert (flow["segments"], flow["end_ns"]) == (BATCHES * ROWS, BATCHES * ROWS * 10**9)
