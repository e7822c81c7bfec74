"""A change whose caller was cancelled is not made later."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from services.metadata.adapters.vast.store import VastStore, open_vast_store
from services.metadata.application.ports import ServiceInfo, Slow, Tables
from services.vast_client.cluster import Cluster
from simulators.vast.endpoints.faults import conflict_storm
from simulators.vast.server import Server
from tests.support.vast.clusters import KEYS, address_of

pytestmark = pytest.mark.slow


@pytest.fixture
async def store(server: Server) -> AsyncIterator[VastStore]:
    cluster = Cluster(address_of(server.urls), KEYS)
    async with open_vast_store(cluster, cache_entries=100, cache_seconds=0, max_waiting=1000) as opened:
        yield opened


class CancelledChange:
    """A change of the store's name, whose caller is cancelled while the change runs for the first time."""

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None
        self.runs = 0
        self._loop = asyncio.get_running_loop()

    def __call__(self, tables: Tables) -> None:
        self.runs += 1
        if self.runs == 1:
            asyncio.run_coroutine_threadsafe(self._cancel(), self._loop).result()
        tables.service_info.put(ServiceInfo("given up"))

    async def _cancel(self) -> None:
        assert self.task is not None
        self.task.cancel()
        # The loop cancels the future of the caller in its next iteration.
        await asyncio.sleep(0.01)


async def name_of(store: VastStore) -> str:
    """The name of the store after all waiting changes, quick and slow ones."""
    await store.write(Slow(lambda tables: tables.service_info.get()))
    return (await store.write(lambda tables: tables.service_info.get())).name or ""


@pytest.mark.parametrize("slow", [False, True])
async def test_a_cancelled_change_is_not_repeated_after_a_conflict(
    server: Server, store: VastStore, slow: bool
) -> None:
    before = await name_of(store)
    change = CancelledChange()
    server.add_fault(conflict_storm(1))
    change.task = asyncio.create_task(store.write(Slow(change) if slow else change))
    with suppress(asyncio.CancelledError):
        await change.task
    assert await name_of(store) == before
    assert change.runs == 1


async def test_other_changes_of_the_group_are_made(server: Server, store: VastStore) -> None:
    change = CancelledChange()

    def other(tables: Tables) -> None:
        tables.service_info.put(ServiceInfo("other"))

    server.add_fault(conflict_storm(1))
    change.task = asyncio.create_task(store.write(change))
    await asyncio.gather(store.write(other), change.task, return_exceptions=True)
    assert await name_of(store) == "other"
