"""Commits whose reply is lost: a change that was made is never answered as refused."""

import asyncio
import json
import threading
import uuid
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager

import pyarrow as pa
import pytest

from services.metadata.adapters.vast.administration.administration import VastAdministration
from services.metadata.adapters.vast.schema import TABLES
from services.metadata.adapters.vast.store import VastStore, open_vast_store
from services.metadata.adapters.vast.writing.fence import Fence
from services.metadata.application.loads.batches import Batch
from services.metadata.application.loads.loads import BulkLoads
from services.metadata.application.ports import Slow, Tables
from services.metadata.domain.load import Kind as LoadKind
from services.metadata.domain.load import Load
from services.shared.errors import Unavailable
from services.vast_client.cluster import Cluster
from services.vast_client.filters.filters import EVERYTHING
from services.vast_client.plans import Kind
from services.vast_client.transactions.transaction import ROW_ID, Transaction
from simulators.vast.endpoints.faults import Fault, dropped, lost_reply, refused
from simulators.vast.server import Server
from tests.support.metadata.flows import a_flow, flow_id
from tests.support.metadata.rules import Metadata, a_segment
from tests.support.vast.clusters import KEYS, address_of, vast_rows, vast_server

pytestmark = pytest.mark.slow

# Far more failed attempts than any caller makes while it waits.
UNTIL_CLEARED = 5000
DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def server() -> Iterator[Server]:
    with vast_server(with_store=True, endpoints=3) as running:
        yield running


@asynccontextmanager
async def a_store(server: Server) -> AsyncIterator[VastStore]:
    cluster = Cluster(address_of(server.urls), KEYS, (2.0, 5.0))
    async with open_vast_store(cluster, cache_entries=100, cache_seconds=60, max_waiting=1000) as store:
        yield store


@pytest.fixture
async def store(server: Server) -> AsyncIterator[VastStore]:
    async with a_store(server) as opened:
        yield opened


@pytest.fixture
async def metadata(store: VastStore) -> Metadata:
    metadata = Metadata(store)
    # After these changes, the store needs no more requests about the tables.
    await metadata.put_flows([1, 2])
    await metadata.register(2, a_segment(0, 1, "known"))
    await metadata.flows.delete(flow_id(2))
    return metadata


def fail_after_a_commit(server: Server, begins: int) -> None:
    """Let the next commit succeed without a reply, and then fail `begins` attempts to begin a transaction."""
    server.add_fault(lost_reply("commit"))
    server.add_fault(dropped("begin", times=begins, skip=1))


async def outcome(change: Awaitable[object]) -> object:
    """The result of a change, or the reason for which it is unavailable."""
    try:
        return await change
    except Unavailable as error:
        return error.reason


# These numbers of failed attempts end the search for the outcome of a commit, and not the change itself.
OUTAGES = [4, 33, UNTIL_CLEARED]


@pytest.mark.parametrize("begins", OUTAGES)
async def test_a_registered_segment_is_not_refused_as_overlapping(
    server: Server, metadata: Metadata, store: VastStore, begins: int
) -> None:
    fail_after_a_commit(server, begins)
    assert await outcome(metadata.register(1, a_segment(0, 1))) in ([], "OUTCOME_UNKNOWN")
    server.clear_faults()
    assert len(await metadata.all_segments(1)) == 1
    assert await metadata.register(1, a_segment(1, 2)) == []


@pytest.mark.parametrize("begins", OUTAGES[:2])
async def test_a_deleted_flow_is_not_refused_as_unknown(
    server: Server, metadata: Metadata, store: VastStore, begins: int
) -> None:
    fail_after_a_commit(server, begins)
    assert await outcome(metadata.flows.delete(flow_id(1))) in (None, "OUTCOME_UNKNOWN")
    server.clear_faults()
    assert vast_rows(store.cluster, "flows") == []


async def test_a_bulk_load_continues_after_its_committed_rows(server: Server, store: VastStore) -> None:
    now = Metadata(store).now
    loads = BulkLoads(store, lambda: now)
    load_id = (await loads.start(str(uuid.uuid4()), LoadKind.FLOWS)).id
    rows = json.dumps([a_flow(number) for number in range(1, 9)]).encode()
    for number in (0, 1):
        await loads.load(Batch(load_id, number, json.dumps([a_flow(9 + number)]).encode()))
    remove_rows(store)
    server.add_fault(lost_reply("commit"))
    assert await outcome(loads.load(Batch(load_id, 2, rows))) == "OUTCOME_UNKNOWN"
    again = await loads.load(Batch(load_id, 2, rows))
    assert (again.repeated, again.load.inserted) == (True, 10)


async def test_a_read_after_an_unknown_outcome_is_not_answered_from_the_cache(
    server: Server, metadata: Metadata, store: VastStore
) -> None:
    await metadata.flow(1)
    remove_rows(store)
    server.add_fault(lost_reply("commit"))
    assert await outcome(metadata.put(a_flow(1, label="new"))) == "OUTCOME_UNKNOWN"
    assert (await metadata.flow(1))["label"] == "new"


def remove_rows(store: VastStore) -> None:
    """Remove the rows of writers, as another process does with those of ended processes."""

    def remove(transaction: Transaction) -> None:
        rows = transaction.select("writers", ["id"], EVERYTHING, kind=Kind.PAGE, row_ids=True)
        transaction.delete("writers", rows[ROW_ID].to_pylist())
        transaction.commit()

    store.cluster.run(remove)


async def test_a_process_without_its_row_does_not_know_the_outcome_and_adds_the_row(
    server: Server, metadata: Metadata, store: VastStore
) -> None:
    remove_rows(store)
    server.add_fault(lost_reply("commit"))
    assert await outcome(metadata.register(1, a_segment(0, 1))) == "OUTCOME_UNKNOWN"
    server.add_fault(lost_reply("commit"))
    assert await metadata.register(1, a_segment(1, 2)) == []
    assert len(await metadata.all_segments(1)) == 2


async def test_a_refused_write_of_a_removed_row_adds_it(
    server: Server, metadata: Metadata, store: VastStore
) -> None:
    remove_rows(store)
    server.add_fault(refused(404, "TabularNoSuchRow", "update"))
    assert await metadata.register(1, a_segment(0, 1)) == []
    assert len(vast_rows(store.cluster, "writers")) == 1


async def test_the_row_that_a_commit_adds_shows_whether_it_was_made(
    server: Server, metadata: Metadata, store: VastStore
) -> None:
    for number, fault in enumerate((lost_reply("commit"), dropped("commit"))):
        remove_rows(store)
        store.fence.forget()
        server.add_fault(fault)
        assert await metadata.register(1, a_segment(number, number + 1)) == []
    assert len(await metadata.all_segments(1)) == 2


def age_rows(store: VastStore) -> None:
    """Set the times of all rows of writers to long ago."""

    def work(transaction: Transaction) -> None:
        rows = transaction.select("writers", ["id"], EVERYTHING, kind=Kind.PAGE, row_ids=True)
        old = pa.array([1] * rows.num_rows, pa.int64())
        ids = rows[ROW_ID].combine_chunks().sort()
        transaction.update("writers", pa.record_batch([ids, old], names=[ROW_ID, "seen_ms"]))
        transaction.commit()

    store.cluster.run(work)


async def test_a_renewal_keeps_only_the_row_of_its_own_process(server: Server) -> None:
    async with a_store(server) as running:
        await Metadata(running).put(a_flow(1))
        age_rows(running)
        ended = {"id": "dead", "change": "", "seen_ms": 1}
        batch = pa.RecordBatch.from_pylist([ended], TABLES["writers"].columns)

        def insert(transaction: Transaction) -> None:
            transaction.insert("writers", batch)
            transaction.commit()

        running.cluster.run(insert)
        running.fence.renew()
        Fence(running.cluster).remove_old_rows()
        (row,) = vast_rows(running.cluster, "writers")
        assert row["seen_ms"] > DAY_MS


async def test_a_renewal_is_not_a_change_for_other_processes(metadata: Metadata, store: VastStore) -> None:
    def changes() -> list[tuple[str, str]]:
        return [(row["id"], row["change"]) for row in vast_rows(store.cluster, "writers")]

    await metadata.put(a_flow(1))
    before = changes()
    age_rows(store)
    store.fence.renew()
    assert changes() == before
    assert max(row["seen_ms"] for row in vast_rows(store.cluster, "writers")) > DAY_MS


async def test_a_renewal_adds_a_removed_row(metadata: Metadata, store: VastStore) -> None:
    remove_rows(store)
    store.fence.renew()
    assert len(vast_rows(store.cluster, "writers")) == 1
    assert await metadata.register(1, a_segment(0, 1)) == []


async def test_quick_changes_are_made_while_a_slow_one_runs(metadata: Metadata, store: VastStore) -> None:
    begun, may_continue = threading.Event(), threading.Event()

    def slow(tables: Tables) -> str:
        begun.set()
        assert may_continue.wait(60)
        return "done"

    waiting = asyncio.create_task(store.write(Slow(slow)))
    assert await asyncio.to_thread(begun.wait, 60)
    assert await metadata.register(1, a_segment(0, 1)) == []
    assert not waiting.done()
    may_continue.set()
    assert await waiting == "done"


async def test_quick_changes_wait_for_a_slow_one_that_has_conflicted(store: VastStore) -> None:
    load = Load(id=str(uuid.uuid4()), kind=LoadKind.FLOWS, changed_ms=1)
    await store.write(lambda tables: tables.loads.put(load))
    loop, quick = asyncio.get_running_loop(), []

    def slow(tables: Tables) -> None:
        tables.loads.get(load.id)
        change = store.write(lambda tables: tables.loads.put(load))
        quick.append(asyncio.run_coroutine_threadsafe(change, loop))
        if len(quick) <= 2:
            quick[-1].result(60)
        tables.loads.put(load)

    await store.write(Slow(slow))
    assert len(quick) == 3
    await asyncio.wrap_future(quick[-1])


@pytest.mark.parametrize(
    "fault", [lost_reply("commit"), dropped("commit"), lost_reply("add_columns")], ids=repr
)
async def test_tables_are_changed_once_although_replies_are_lost(
    server: Server, store: VastStore, fault: Fault
) -> None:
    tables = VastAdministration(store)
    server.add_fault(fault)
    await tables.add_column("flows", "more", "int64")
    server.add_fault(lost_reply("commit"))
    await tables.rename_column("flows", "more", "extra")
    found = await tables.table("flows")
    assert found is not None
    assert "extra" in {column.name for column in found.columns}
    server.add_fault(lost_reply("commit"))
    await tables.create_projection("flows", "by_label", ["label"], [])
    server.add_fault(lost_reply("commit"))
    await tables.drop_projection("flows", "by_label")
    server.add_fault(lost_reply("commit"))
    await tables.drop_column("flows", "extra")
    server.add_fault(lost_reply("commit"))
    await tables.reset()
    assert vast_rows(store.cluster, "flows") == []
