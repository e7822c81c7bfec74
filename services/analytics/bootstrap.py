"""Wires the analytics service; the only module that knows every part."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from services.access.accounts import CREDENTIALS, RpcAccounts
from services.access.process import guard_of, open_access
from services.access.reports import RpcReports
from services.analytics.adapters.catalog import DuckDbCatalog
from services.analytics.adapters.engine import Engine
from services.analytics.adapters.flows import FLOWS, GrpcFlows
from services.analytics.adapters.inventory import DuckDbInventory
from services.analytics.adapters.objects import OBJECTS, GrpcObjects
from services.analytics.adapters.sqlite import SqliteTables
from services.analytics.adapters.tables import Tables
from services.analytics.adapters.timelines import DuckDbTimelines
from services.analytics.application.coverage import FlowCoverage
from services.analytics.application.duplicates import ObjectDuplicates
from services.analytics.application.object_accesses import ObjectAccesses
from services.analytics.application.usage import Usage
from services.analytics.servicers import coverage, duplicates, object_accesses, usage
from services.analytics.settings import PREFIX, Settings
from services.shared.errors import Unavailable
from services.shared.process.background import background, repeat
from services.shared.process.runtime import open_runtime
from services.shared.process.telemetry import open_telemetry
from services.shared.rpc.client import open_channel
from services.shared.rpc.server import RpcServer, serving
from services.shared.store_url import is_vast, sqlite_path
from services.shared.telemetry.metrics import Metrics

_log = logging.getLogger(__name__)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[RpcServer]:
    """Run the service until the block ends. It is SERVING while the tables can be read.

    StartupError for a bad setting, and for a port that cannot be bound.
    """
    engine = Engine(
        workers=settings.workers,
        queue=settings.queue,
        threads=settings.threads,
        memory_mb=settings.memory_mb,
    )
    async with AsyncExitStack() as stack:
        telemetry = await stack.enter_async_context(open_telemetry("analytics", settings))
        await stack.enter_async_context(open_runtime(settings, PREFIX, telemetry))
        tables = _tables(settings, telemetry.metrics)
        stack.push_async_callback(engine.close)
        metadata = await stack.enter_async_context(
            open_channel(settings.metadata_address, [CREDENTIALS, FLOWS, OBJECTS], settings.tls_files)
        )
        catalog = DuckDbCatalog(tables, engine)
        registrations = [
            coverage.registration(FlowCoverage(DuckDbTimelines(tables, engine), GrpcFlows(metadata))),
            usage.registration(Usage(DuckDbInventory(tables, engine))),
            object_accesses.registration(ObjectAccesses(catalog, GrpcObjects(metadata))),
            duplicates.registration(ObjectDuplicates(catalog)),
        ]
        access = await stack.enter_async_context(
            open_access(settings, RpcAccounts(metadata), RpcReports(metadata))
        )
        guard = guard_of(access, registrations)
        server = await stack.enter_async_context(
            serving(settings, registrations, ready=False, guard=guard, telemetry=telemetry)
        )
        await stack.enter_async_context(background(_watch(server, tables, settings)))
        yield server


def _tables(settings: Settings, metrics: Metrics) -> Tables:
    if not is_vast(settings.store_url):
        return SqliteTables(sqlite_path(settings.store_url))
    # The SDK is an optional dependency and takes seconds and 150 MB to load.
    from services.analytics.adapters.vast import VastTables  # noqa: PLC0415
    from services.vast_client.cluster import cluster_of  # noqa: PLC0415

    return VastTables(cluster_of(settings, metrics=metrics))


async def _watch(server: RpcServer, tables: Tables, settings: Settings) -> None:
    """Report whether the tables can be read, until cancelled."""
    is_serving = False

    async def check() -> float:
        nonlocal is_serving
        try:
            await asyncio.to_thread(tables.check)
        except Unavailable:
            if is_serving:
                is_serving = False
                await server.report(serving=False)
            raise
        if not is_serving:
            is_serving = True
            await server.report(serving=True)
            _log.info("the tables are readable")
        return settings.check_seconds

    await repeat(
        "read the tables",
        check,
        pause_seconds=settings.wait_seconds,
    )
