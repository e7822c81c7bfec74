"""The audit log of several processes: their changes do not conflict, and their entries have one order."""

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial

import pytest

from services.metadata.adapters.vast.store import VastStore, open_vast_store
from services.metadata.application.audit.audit_log import AuditLog
from services.metadata.application.audit.numbering import Numbering
from services.metadata.application.ports import Tables
from services.metadata.domain.audit import Entry, EntryFilter
from services.shared.process.background import repeat
from services.vast_client.cluster import Cluster
from simulators.vast.server import Server
from tests.support.metadata.flows import a_flow, flow_id
from tests.support.metadata.rules import Metadata, a_segment
from tests.support.vast.clusters import KEYS, address_of, vast_rows

pytestmark = pytest.mark.slow

COUNT = 30


async def a_store(server: Server) -> AsyncIterator[VastStore]:
    cluster = Cluster(address_of(server.urls), KEYS)
    async with open_vast_store(cluster, cache_entries=100, cache_seconds=1, max_waiting=1000) as store:
        yield store


@pytest.fixture
async def first(server: Server) -> AsyncIterator[VastStore]:
    async for store in a_store(server):
        yield store


@pytest.fixture
async def second(server: Server) -> AsyncIterator[VastStore]:
    async for store in a_store(server):
        yield store


async def write(metadata: Metadata, number: int) -> None:
    for start in range(COUNT):
        assert await metadata.register(number, a_segment(start, start + 1, f"{number}-{start}")) == []


async def follow(log: AuditLog, found: list[Entry]) -> None:
    """Read new entries as they come, until those of both flows are there."""
    while len(found) < 2 * (2 + COUNT):
        after = found[-1].number if found else 0
        found.extend((await log.page(EntryFilter(), 7, "", after=after, oldest_first=True)).items)
        await asyncio.sleep(0)


def start_of(entry: Entry) -> int:
    return int(json.loads(entry.facts)["span"].removeprefix("[0:").partition("_")[0])


async def test_a_reader_who_follows_misses_no_entry_of_any_process(
    first: VastStore, second: VastStore
) -> None:
    writers = [Metadata(store, audited=True) for store in (first, second)]
    for number, writer in enumerate(writers, 1):
        await writer.put(a_flow(number))
    found: list[Entry] = []
    log = AuditLog(second, writers[1].clock)
    background = asyncio.create_task(
        repeat("number entries", partial(number_entries, first), pause_seconds=0.1)
    )
    await asyncio.gather(write(writers[0], 1), write(writers[1], 2), follow(log, found))
    background.cancel()
    numbers = [entry.number for entry in found]
    assert numbers == list(range(1, len(numbers) + 1))
    for number in (1, 2):
        own = [entry for entry in found if entry.resource == f"flow:{flow_id(number)}"]
        assert [entry.action for entry in own] == ["flows.put", *["segments.put"] * COUNT]
        assert list(map(start_of, own[1:])) == list(range(COUNT))
    assert vast_rows(first.cluster, "audit_new") == []


async def number_entries(store: VastStore) -> float:
    """The background work of a process."""
    await Numbering(store).step()
    return 0.01


async def test_changes_of_two_processes_write_no_row_in_common(first: VastStore, second: VastStore) -> None:
    """A change that another one overtakes is not run again."""
    runs = 0

    def append(tables: Tables) -> None:
        nonlocal runs
        runs += 1
        tables.audit.append(Entry(1, "user:alice", "flows.put", "flow:1"))
        if runs == 1:
            overtaking = asyncio.run_coroutine_threadsafe(
                second.write(lambda tables: tables.audit.append(Entry(2, "user:bob", "flows.put", "flow:2"))),
                loop,
            )
            overtaking.result(timeout=60)

    loop = asyncio.get_running_loop()
    await first.write(append)
    assert runs == 1
    await Numbering(first).finish()
    entries = await first.scan(lambda tables: tables.audit.page(EntryFilter(), None, 9, newest_first=False))
    assert [entry.principal for entry in entries] == ["user:alice", "user:bob"]
