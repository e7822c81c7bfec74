"""Removed rows of the table `locks` are added by a repair, and all processes use the new rows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from services.metadata.adapters.vast.administration.administration import VastAdministration
from services.metadata.adapters.vast.examination.examination import VastExamination
from services.metadata.adapters.vast.store import VastStore, open_vast_store
from services.metadata.adapters.vast.writing.locks import STRIPES
from services.metadata.application.administration.consistency import Consistency, Scope
from services.vast_client.cluster import Cluster
from services.vast_client.filters.filters import EVERYTHING, Below, Filter
from simulators.vast.server import Server
from tests.support.metadata.flows import a_flow
from tests.support.metadata.rules import Metadata
from tests.support.vast.clusters import KEYS, address_of, remove_rows, vast_rows, vast_server

pytestmark = pytest.mark.slow

SCHEMA = "vastdb/tams"


@pytest.fixture(autouse=True)
def frequent_refresh_checks(no_refresh_checks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each transaction look for refreshes of other processes."""
    monkeypatch.setattr("services.metadata.adapters.vast.reading.refreshing.CHECK_SECONDS", 0.0)


@asynccontextmanager
async def a_store(server: Server) -> AsyncIterator[VastStore]:
    cluster = Cluster(address_of(server.urls), KEYS)
    async with open_vast_store(cluster, cache_entries=100, cache_seconds=1.0, max_waiting=1000) as store:
        yield store


@pytest.fixture
async def stores(server: Server) -> AsyncIterator[list[VastStore]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(a_store(server)) for _ in range(2)]


async def remove_locks(store: VastStore, where: Filter) -> None:
    await asyncio.to_thread(remove_rows, store.cluster, "locks", where)


async def create_flows_twice(stores: list[VastStore]) -> tuple[int, int]:
    """The number of flows that the processes create at the same time, and the number of their rows."""
    numbers = range(100, 110)
    for number in numbers:
        await asyncio.gather(*(Metadata(store).put(a_flow(number)) for store in stores))
    return len(numbers), len(vast_rows(stores[0].cluster, "flows"))


@pytest.mark.parametrize("where", [EVERYTHING, Below("stripe", STRIPES // 2)], ids=["all", "half"])
async def test_two_processes_create_each_flow_once_after_a_repair(
    server: Server, stores: list[VastStore], where: Filter
) -> None:
    await remove_locks(stores[0], where)
    consistency = Consistency(stores[0], VastAdministration(stores[0]), VastExamination(stores[0]))
    done = await consistency.repair(Scope(), confirm=SCHEMA, dry_run=False)
    assert [(finding.kind, finding.mended) for finding in done.found] == [("LOCKS", True)]
    assert len(vast_rows(stores[0].cluster, "locks")) == STRIPES
    created, rows = await create_flows_twice(stores)
    assert rows == created
    assert (await consistency.check(Scope())).found == []


async def test_a_process_that_starts_adds_removed_locks_for_all(
    server: Server, stores: list[VastStore]
) -> None:
    await remove_locks(stores[0], EVERYTHING)
    async with a_store(server) as third:
        created, rows = await create_flows_twice([stores[1], third])
        assert rows == created


async def test_locks_that_the_server_no_longer_has_are_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.metadata.adapters.vast.reading.refreshing.CHECK_SECONDS", 600.0)
    with vast_server(with_store=True, missing_rows="refused") as server:
        async with a_store(server) as first:
            await remove_locks(first, EVERYTHING)
            async with a_store(server) as second:
                created, rows = await create_flows_twice([first, second])
                assert rows == created
