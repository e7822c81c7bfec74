"""Simultaneous writes of several processes to different flows of one source do not conflict."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import pytest

from services.metadata.adapters.vast.store import open_vast_store
from services.metadata.domain.property import PropertyChange
from services.vast_client.cluster import Cluster
from simulators.vast.endpoints.faults import slow
from simulators.vast.server import Server
from tests.support.metadata.flows import a_flow, flow_id, source_id
from tests.support.metadata.rules import Metadata, a_segment
from tests.support.processes.polling import until
from tests.support.vast.clusters import KEYS, address_of

pytestmark = pytest.mark.slow

PROCESSES = 3
CALLS = 10


@pytest.fixture
async def processes(server: Server) -> AsyncIterator[list[Metadata]]:
    """A service for each process, with a flow of its own. All flows are of one source."""
    async with AsyncExitStack() as stack:
        services = []
        for number in range(PROCESSES):
            opening = open_vast_store(
                Cluster(address_of(server.urls), KEYS), cache_entries=100, cache_seconds=1, max_waiting=1000
            )
            store = await stack.enter_async_context(opening)
            await until(partial(getattr, store, "ready"))
            services.append(Metadata(store))
            await services[-1].put(a_flow(number, source_id=source_id(0)))
            # The first segment of a process adds rows of its own.
            assert await services[-1].register(number, a_segment(0, 1, f"first {number}")) == []
        yield services


async def register(metadata: Metadata, number: int) -> None:
    for start in range(1, CALLS + 1):
        assert await metadata.register(number, a_segment(start, start + 1, f"{number} at {start}")) == []


async def change(metadata: Metadata, number: int) -> None:
    for turn in range(CALLS):
        label, tag = (
            PropertyChange("label", None, b'"label %d"' % turn),
            PropertyChange(None, "tag", b'"%d"' % turn),
        )
        await metadata.flows.update(flow_id(number), [label])
        await metadata.flows.update(flow_id(number), [tag])


async def remove(metadata: Metadata, number: int) -> None:
    assert (await metadata.unregister(number)).segments == 1


@pytest.mark.parametrize("work", [register, change, remove])
async def test_writes_to_different_flows_of_a_source_do_not_conflict(
    server: Server, processes: list[Metadata], work: Callable[[Metadata, int], Coroutine[Any, Any, None]]
) -> None:
    # Slow commits let the processes have changes under way at the same time.
    server.add_fault(slow(0.01, "commit"))
    with server.counting() as requests, server.counting_rows() as rows:
        await asyncio.gather(*(work(metadata, number) for number, metadata in enumerate(processes)))
    assert not [name for name in rows if name.startswith("conflict")]
    assert not [name for name in rows if name.endswith(" sources") and not name.startswith("query")]
    # No change was tried twice.
    changes: dict[object, int] = {register: CALLS, change: 2 * CALLS, remove: 1}
    assert requests["commit"] == PROCESSES * changes[work]


async def test_new_flows_of_a_source_conflict(server: Server, processes: list[Metadata]) -> None:
    """New flows write the row of their source. The test above would notice such writes."""
    server.add_fault(slow(0.05, "commit"))
    with server.counting_rows() as rows:
        await asyncio.gather(
            *(
                metadata.put(a_flow(100 + number, source_id=source_id(0)))
                for number, metadata in enumerate(processes)
            )
        )
    assert rows["update sources"] > PROCESSES
    assert rows["conflict sources"] > 0
