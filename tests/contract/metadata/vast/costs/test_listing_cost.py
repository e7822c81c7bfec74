"""Lists of many flows take about as many requests as lists of few."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pyarrow as pa
import pytest

from services.metadata.adapters.vast.schema import TABLES
from services.metadata.adapters.vast.store import VastStore, open_vast_store
from services.metadata.application.ports import FlowFilter, SegmentQuery
from services.shared.timerange import TimeRange
from services.vast_client.cluster import Cluster
from services.vast_client.filters.filters import EVERYTHING
from services.vast_client.plans import Kind
from services.vast_client.transactions.transaction import Transaction
from simulators.vast.server import Server
from tests.support.metadata.flows import a_flow, flow_id
from tests.support.metadata.rules import Metadata, a_segment, an_object
from tests.support.vast.clusters import KEYS, address_of, vast_rows

pytestmark = pytest.mark.slow

MANY = 12_000
GAP = 54 * 365 * 86_400 * 10**9
SECOND = 10**9


class Running(NamedTuple):
    server: Server
    store: VastStore
    metadata: Metadata


@pytest.fixture
async def running(server: Server) -> AsyncIterator[Running]:
    cluster = Cluster(address_of(server.urls), KEYS)
    async with open_vast_store(cluster, cache_entries=9, cache_seconds=0, max_waiting=99) as store:
        yield Running(server, store, Metadata(store))


async def many_flows(store: VastStore, metadata: Metadata) -> list[dict[str, Any]]:
    """Write flows. Half of them have the tag `often`, four the tag `seldom`, and four the label `rare`."""
    await metadata.put(a_flow(1))
    numbers = random.Random(1)
    template = rows_of(store.cluster, "flows")[0]
    flows = [template | _own_values(numbers, place) for place in range(MANY)]
    tags = [_tag(flow, "often") for flow in flows[::2]]
    tags += [_tag(flow, "seldom") for flow in flows[:: MANY // 4]]
    put_rows(store.cluster, "flows", flows)
    put_rows(store.cluster, "tags", tags)
    for table in ("flows", "tags"):
        await asyncio.to_thread(store.cluster.catalog.statistics, table)
    return flows


def _own_values(numbers: random.Random, place: int) -> dict[str, Any]:
    flow, source = (str(uuid.UUID(int=numbers.getrandbits(128), version=4)) for _ in range(2))
    label = "rare" if place % (MANY // 4) == 1 else "common"
    return {"id": flow, "source_id": source, "timeline": place, "label": label}


def _tag(flow: dict[str, Any], name: str) -> dict[str, Any]:
    return {"owner": "flow", "id": flow["id"], "name": name, "value": "v"}


def rows_of(cluster: Cluster, table: str) -> list[dict[str, Any]]:
    def read(transaction: Transaction) -> Any:
        return transaction.select(table, TABLES[table].columns.names, EVERYTHING, kind=Kind.PAGE)

    rows: list[dict[str, Any]] = cluster.run(read).to_pylist()
    return rows


def put_rows(cluster: Cluster, table: str, rows: list[dict[str, Any]]) -> None:
    def write(transaction: Transaction) -> None:
        transaction.insert(table, pa.RecordBatch.from_pylist(rows, TABLES[table].columns))
        transaction.commit()

    cluster.run(write)
    cluster.catalog.refresh()


async def test_a_page_by_a_filter_takes_few_requests(running: Running) -> None:
    flows = await many_flows(running.store, running.metadata)
    ids, source = [flow["id"] for flow in flows], str(flows[5]["source_id"])
    often, seldom, everything = ids[::2], ids[:: MANY // 4], {*ids, flow_id(1)}
    rare = [flow["id"] for flow in flows if flow["label"] == "rare"]
    cases: list[tuple[dict[str, Any], set[str], int]] = [
        ({}, everything, 1),
        ({"label": "rare"}, set(rare), 2),
        ({"label": "common"}, set(ids) - set(rare), 3),
        ({"source_id": source}, {ids[5]}, 2),
        ({"tags": {"seldom": "v"}}, set(seldom), 2),
        ({"tags": {"often": "v"}}, set(often), 3),
        ({"tags": {"often": "v", "seldom": "v"}}, set(seldom), 4),
        ({"tags": {"nobody": "v"}}, set(), 1),
        ({"tag_exists": {"often": True}}, set(often), 3),
        ({"tag_exists": {"seldom": False}}, everything - set(seldom), 2),
        ({"tag_exists": {"often": False}}, everything - set(often), 6),
        ({"timerange": TimeRange(0, 1)}, set(), 2),
    ]
    for filters, expected, most in cases:
        with running.server.counting() as counter:
            page = await running.metadata.flows.page(FlowFilter(**filters), 100, "")
        assert [flow.id for flow in page.items] == sorted(expected)[:100], filters
        assert counter["query"] <= most, filters


async def test_a_page_beside_a_long_gap_takes_few_requests_and_bytes(running: Running) -> None:
    server, _, metadata = running
    await metadata.put(a_flow(1))
    for start, count in ((0, 1500), (GAP, 300)):
        starts = range(start, start + count * SECOND, SECOND)
        segments = [a_segment(at, at + SECOND, f"o{at}") for at in starts]
        assert not await metadata.register(1, *segments)
    before = server.moved
    with server.counting() as counter:
        assert (await first_page(metadata)).lines.documents.count(b"\n") == 100
    assert counter["query"] <= 4
    assert server.moved - before < 150_000


async def first_page(metadata: Metadata) -> Any:
    return await metadata.segments.page(SegmentQuery(flow_id(1), TimeRange(None, None)), 100, "")


def random_names(count: int) -> list[str]:
    numbers = random.Random(2)
    return [str(uuid.UUID(int=numbers.getrandbits(128), version=4)) for _ in range(count)]


@pytest.mark.parametrize("inside", [False, True], ids=["objects elsewhere", "objects in this store"])
async def test_a_slice_of_a_long_flow_is_deleted_without_reading_other_objects(
    running: Running, *, inside: bool
) -> None:
    server, store, metadata = running
    names = random_names(2500)
    await metadata.put(a_flow(1))
    urls: dict[str, Any] = {"external_urls": ()} if inside else {}
    segments = [a_segment(start, start + 1, name, **urls) for start, name in enumerate(names)]
    for first in range(0, len(segments), 1000):
        if inside:
            reserved = [an_object(name) for name in names[first : first + 1000]]
            await metadata.objects.reserve(flow_id(1), reserved)
        assert not await metadata.register(1, *segments[first : first + 1000])
    before = server.moved
    with server.counting() as counter:
        assert (await metadata.unregister(1, TimeRange(500, 1500))).segments == 1000
    assert counter.total() <= 11
    assert server.moved - before < 500_000
    states = {row["id"]: row["state"] for row in vast_rows(store.cluster, "objects")}
    released = dict.fromkeys(names[500:1500], "unreferenced") if inside else {}
    assert states == dict.fromkeys(names[:500] + names[1500:], "registered") | released


async def test_a_flow_of_one_slice_is_deleted_at_once(running: Running) -> None:
    server, _, metadata = running
    await metadata.put(a_flow(1))
    await metadata.register(1, *(a_segment(start, start + 1, f"o{start:04}") for start in range(1000)))
    with server.counting() as counter:
        assert await metadata.flows.delete(flow_id(1)) is None
    assert counter["commit"] == 1
    assert counter.total() <= 18
    assert await metadata.deletions.latest() == []
