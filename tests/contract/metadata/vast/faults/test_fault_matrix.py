"""Each fault in each kind of request: answers are right, nothing is lost, and the store recovers soon."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.metadata.adapters.vast.store import open_vast_store
from services.shared.errors import Unavailable
from services.vast_client.cluster import Cluster
from services.vast_client.journals.journal import Journal
from simulators.vast.endpoints.faults import Fault
from simulators.vast.server import Server
from tests.support.vast.clusters import KEYS, address_of, vast_server
from tests.support.vast.fault_cells import (
    BUDGET_SECONDS,
    ENDPOINTS,
    KINDS,
    RECOVERY_SECONDS,
    Cell,
    OneTimeFault,
    long_cells,
    quick_cells,
)
from tests.support.vast.fault_world import FaultWorld

pytestmark = pytest.mark.slow

# The rounds of requests within which a fault that occurs once has occurred.
_ROUNDS = 4
OPENING_SECONDS = 60.0
# The pause between two rounds while a fault lasts.
_PAUSE_SECONDS = 0.2


@pytest.fixture
def fault_seconds(request: pytest.FixtureRequest) -> float:
    """The duration of lasting faults in the whole matrix, or 0 for its quick form."""
    return float(request.config.getoption("--fault-seconds"))


@asynccontextmanager
async def a_world(folder: Path) -> AsyncIterator[tuple[Server, FaultWorld]]:
    """A running server, and a world with a store of its own."""
    with vast_server(with_store=True, endpoints=ENDPOINTS) as server:
        cluster = Cluster(address_of(server.urls), KEYS, journal=Journal(folder), budget=BUDGET_SECONDS)
        async with open_vast_store(cluster, cache_entries=100, cache_seconds=1.0, max_waiting=1000) as store:
            world = FaultWorld(store)
            await begin(world)
            await world.round()
            try:
                yield server, world
            finally:
                await asyncio.to_thread(restore_endpoints, server)


async def begin(world: FaultWorld) -> None:
    """Begin to work. On a busy machine, the tables may be opened later than the store waits for them."""
    deadline = time.monotonic() + OPENING_SECONDS
    while True:
        try:
            return await world.begin()
        except Unavailable:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)


def restore_endpoints(server: Server) -> None:
    server.clear_faults()
    server.start()


async def try_out(cell: Cell, server: Server, world: FaultWorld) -> list[str]:
    """The faults of the store that were noticed in a cell."""
    failed, wrong = len(world.failures), len(world.wrong)
    faults = cell.faults()
    for endpoint, fault in zip(server.endpoints, faults, strict=False):
        endpoint.faults.add(fault)
    if cell.seconds:
        await work_for(cell.seconds, world)
    else:
        await work_until_spent(faults, world)
    await asyncio.to_thread(restore_endpoints, server)
    ended = time.monotonic()
    recovered = await writes_again(world)
    last = ended + RECOVERY_SECONDS if cell.may_fail else 0.0
    await world.settle()
    late = [f"{text} ({began - ended:+.1f} s)" for began, text in world.failures[failed:] if began > last]
    problems = [] if recovered else [f"no write within {RECOVERY_SECONDS:g} s"]
    return [f"{cell}: {what}" for what in (*problems, *late, *world.wrong[wrong:])]


async def work_for(seconds: float, world: FaultWorld) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        await world.round()
        await asyncio.sleep(_PAUSE_SECONDS)


async def work_until_spent(faults: Iterable[Fault], world: FaultWorld) -> None:
    for _ in range(_ROUNDS):
        await world.round()
        if any(isinstance(fault, OneTimeFault) and fault.spent for fault in faults):
            return


async def writes_again(world: FaultWorld) -> bool:
    until = time.monotonic() + RECOVERY_SECONDS
    while not await world.write():
        if time.monotonic() > until:
            return False
        await asyncio.sleep(0.05)
    return True


async def try_all(cells: Iterable[Cell], folder: Path) -> list[str]:
    async with a_world(folder) as (server, world):
        wrong: list[str] = []
        for cell in cells:
            wrong += await try_out(cell, server, world)
            if wrong:
                # Later cells would only repeat these faults.
                return wrong
        await world.compare_tables()
        return [*wrong, *(f"in the end: {what}" for what in world.wrong if what.startswith("contradictions"))]


@pytest.mark.parametrize("kind", KINDS)
async def test_the_store_survives_each_fault(kind: str, tmp_path: Path, fault_seconds: float) -> None:
    """Run three stores side by side, one for each number of endpoints with the fault."""
    found = await asyncio.gather(
        *(
            try_all(
                long_cells(kind, count, fault_seconds) if fault_seconds else quick_cells(kind, count),
                tmp_path / str(count),
            )
            for count in range(1, ENDPOINTS + 1)
        )
    )
    assert [what for wrong in found for what in wrong] == []
