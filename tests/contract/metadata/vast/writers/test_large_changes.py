"""Changes of more rows than VAST's clients change in one request."""

import json
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pyarrow as pa
import pytest

from services.metadata.adapters.vast.schema import TABLES
from services.metadata.adapters.vast.store import VastStore, open_vast_store
from services.metadata.application.deletion_requests import SLICE
from services.metadata.application.loads.batches import Batch
from services.metadata.application.loads.loads import BulkLoads
from services.metadata.domain.deletion_request import Status
from services.metadata.domain.load import Kind
from services.shared.timerange import ETERNITY
from services.vast_client.cluster import Cluster
from services.vast_client.filters.filters import Equal
from services.vast_client.transactions.parts import MAX_ROWS
from services.vast_client.transactions.transaction import Transaction
from simulators.vast.server import Server
from tests.support.metadata.flows import a_flow, flow_id
from tests.support.metadata.rules import Metadata, a_segment
from tests.support.vast.clusters import KEYS, address_of, change_rows, vast_rows, vast_server

pytestmark = pytest.mark.slow

DELETED = 42_000
LOADED = MAX_ROWS + 465
# These changes take as long as the machine needs.
SECONDS = 600.0


@pytest.fixture
def server() -> Iterator[Server]:
    with vast_server(with_store=True, endpoints=1) as running:
        yield running


@pytest.fixture
async def store(server: Server) -> AsyncIterator[VastStore]:
    cluster = Cluster(address_of(server.urls), KEYS, (2.0, SECONDS), budget=SECONDS)
    async with open_vast_store(cluster, cache_entries=9, cache_seconds=0, max_waiting=99) as opened:
        yield opened


def insert(cluster: Cluster, table: str, rows: list[dict[str, Any]]) -> None:
    def write(transaction: Transaction) -> None:
        transaction.insert(table, pa.RecordBatch.from_pylist(rows, TABLES[table].columns))
        transaction.commit()

    cluster.run(write)


async def fill(store: VastStore, metadata: Metadata) -> None:
    """A flow of 42,000 segments, each of an object of its own."""
    await metadata.put(a_flow(1))
    assert not await metadata.register(1, a_segment(0, 1, "o0"))
    ((segment,), (item,)) = (vast_rows(store.cluster, table) for table in ("segments", "objects"))
    places = range(1, DELETED)
    ends = ({"start_ns": at, "end_ns": at + 1, "object_id": f"o{at}"} for at in places)
    insert(store.cluster, "segments", [segment | one for one in ends])
    insert(store.cluster, "objects", [item | {"id": f"o{at}"} for at in places])
    change_rows(store.cluster, "flows", Equal("id", flow_id(1)), segments=DELETED, end_ns=DELETED)


async def test_a_deletion_of_many_segments_leaves_whole_states_until_all_are_gone(store: VastStore) -> None:
    metadata = Metadata(store, deletion_seconds=0)
    await fill(store, metadata)
    removed, deletion = await metadata.segments.delete(flow_id(1), ETERNITY, None)
    assert removed.segments == SLICE
    gone = removed.segments
    while deletion is not None and deletion.status is not Status.DONE:
        removed, deletion = await metadata.deletions.step(deletion.id)
        gone += removed.segments
        if gone % 7000 == 0:
            (flow,) = vast_rows(store.cluster, "flows")
            left = {row["object_id"] for row in vast_rows(store.cluster, "segments")}
            assert (flow["segments"], len(left)) == (DELETED - gone, DELETED - gone)
            assert {row["id"] for row in vast_rows(store.cluster, "objects")} == left
    assert gone == DELETED
    assert vast_rows(store.cluster, "segments") == vast_rows(store.cluster, "objects") == []


def batch(load_id: str, number: int) -> Batch:
    rows = [
        {
            "flow_id": flow_id(number),
            "object_id": f"o{at}",
            "timerange": f"[{at}:0_{at + 1}:0)",
            "get_urls": [{"url": "https://example.com/o"}],
        }
        for at in range(LOADED)
    ]
    return Batch(load_id, 0, json.dumps(rows).encode())


async def test_a_batch_of_more_rows_than_an_update_holds_is_one_transaction(
    server: Server, store: VastStore
) -> None:
    metadata = Metadata(store)
    await metadata.put_flows((1, 2))
    loads = BulkLoads(store, lambda: metadata.now)
    for number in (1, 2):
        load_id = (await loads.start(str(uuid.uuid4()), Kind.SEGMENTS)).id
        with server.counting() as counter, server.counting_rows() as rows:
            report = await loads.load(batch(load_id, number))
        assert (report.committed, report.load.inserted, counter["commit"]) == (True, LOADED, 1)
        # The second load counts its segments at the objects of the first.
        assert rows["update objects"] == (0 if number == 1 else 2)
    assert len(vast_rows(store.cluster, "segments")) == 2 * LOADED
    assert {row["segments"] for row in vast_rows(store.cluster, "objects")} == {2}
