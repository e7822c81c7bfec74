"""The worlds of a run, and the functions that create them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from tests.campaign.events.ledger import Ledger
from tests.campaign.fault_log import FaultLog
from tests.campaign.flows.fresh_flow import FreshFlow
from tests.campaign.flows.long_flow import LongFlow
from tests.campaign.flows.shared_flow import SharedFlow
from tests.campaign.histories.store_world import StoreWorld
from tests.campaign.plan import Plan
from tests.campaign.report import Report
from tests.campaign.store.channels import Channel, Store
from tests.campaign.store.media_bytes import MediaBytes
from tests.campaign.store.second_gateway import running_second_gateway
from tests.campaign.worlds.junk_world import JunkWorld
from tests.campaign.worlds.pool import Make
from tests.campaign.worlds.service_world import ServiceWorld
from tests.campaign.worlds.world import World
from tests.support.processes.system import System

# No process listens on this port.
_DEAD_URL: Final = "http://127.0.0.1:9"


def makers(plan: Plan, store: Store, media: MediaBytes, ledger: Ledger, url: str) -> list[Make]:
    """The function that creates a world, for each place of the pool."""

    def making(kind: str, make: Callable[[Channel, str], World]) -> Make:
        return lambda number: make(
            store.channel(f"{kind} {number}", plan.random(kind, number)), f"{kind} {number}"
        )

    worlds = making("store", lambda channel, name: StoreWorld(channel, plan.random(name), media, ledger))
    long = making("long", lambda channel, name: LongFlow(channel, plan.random(name), media, ledger))
    shared = making("shared", lambda channel, name: SharedFlow(channel, plan.random(name), ledger))
    service = making("service", lambda channel, name: ServiceWorld(channel, plan.random(name), _DEAD_URL))
    junk = making("junk", lambda channel, name: JunkWorld(channel, plan.random(name), url, ledger))
    return [*[worlds] * plan.worlds, long, long, shared, shared, service, junk]


@asynccontextmanager
async def fresh_makers(
    plan: Plan, system: System, ledger: Ledger, log: FaultLog, report: Report
) -> AsyncIterator[list[Make]]:
    """The functions that create worlds with a second gateway, which runs within the block."""
    async with AsyncExitStack() as stack:
        url = await asyncio.to_thread(stack.enter_context, running_second_gateway(system))
        ways = {
            name: await stack.enter_async_context(Store([url, url], log, report, None))
            for name, url in (("first gateway", system.url), ("second gateway", url))
        }

        def make(number: int) -> World:
            name = f"fresh {number}"
            first, second = (
                store.channel(f"{name}, {way}", plan.random(name, way)) for way, store in ways.items()
            )
            return FreshFlow(first, second, plan.random(name), ledger)

        yield [make, make]
