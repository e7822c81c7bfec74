"""Puts the analytics service together."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from tams.analytics.v1 import coverage_service_pb2, usage_service_pb2
from tams.analytics.v1.coverage_service_pb2_grpc import add_CoverageServiceServicer_to_server
from tams.analytics.v1.usage_service_pb2_grpc import add_UsageServiceServicer_to_server

from services.analytics.adapters.engine import Engine
from services.analytics.adapters.inventory import DuckDbInventory
from services.analytics.adapters.sqlite import SqliteTables
from services.analytics.adapters.tables import Tables
from services.analytics.adapters.timelines import DuckDbTimelines
from services.analytics.application.coverage import FlowCoverage
from services.analytics.servicers.coverage import CoverageServicer
from services.analytics.servicers.usage import UsageServicer
from services.analytics.settings import Settings
from services.shared.errors import Unavailable
from services.shared.rpc.server import RpcServer, serving
from services.shared.store_url import is_vast, sqlite_path

_log = logging.getLogger("tams.analytics")


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[RpcServer]:
    """The service, serving as soon as the tables can be read and whenever they can."""
    tables = _tables(settings)
    engine = Engine(
        workers=settings.workers,
        queue=settings.queue,
        threads=settings.threads,
        memory_mb=settings.memory_mb,
    )
    coverage = CoverageServicer(FlowCoverage(DuckDbTimelines(tables, engine)))
    usage = UsageServicer(DuckDbInventory(tables, engine))
    registrations = (
        (
            coverage_service_pb2.DESCRIPTOR.services_by_name["CoverageService"],
            partial(add_CoverageServiceServicer_to_server, coverage),
        ),
        (
            usage_service_pb2.DESCRIPTOR.services_by_name["UsageService"],
            partial(add_UsageServiceServicer_to_server, usage),
        ),
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(engine.close)
        server = await stack.enter_async_context(serving(settings, registrations, ready=False))
        work = await stack.enter_async_context(asyncio.TaskGroup())
        stack.callback(work.create_task(_watch(server, tables, settings)).cancel)
        yield server


def _tables(settings: Settings) -> Tables:
    if not is_vast(settings.store_url):
        return SqliteTables(sqlite_path(settings.store_url))
    # Its SDK takes seconds and 150 MB to load, and is there only where it was installed.
    from services.analytics.adapters.vast import VastTables  # noqa: PLC0415
    from services.shared.vast.cluster import cluster_of  # noqa: PLC0415

    return VastTables(cluster_of(settings))


async def _watch(server: RpcServer, tables: Tables, settings: Settings) -> None:
    """Report whether the tables can be read, for ever."""
    readable = None
    while True:
        fault = await asyncio.to_thread(_fault, tables)
        if readable != (fault is None):
            readable = fault is None
            await server.report(serving=readable)
            if readable:
                _log.info("tables are readable")
            else:
                _log.warning("tables are away", extra={"fault": fault})
        await asyncio.sleep(settings.check_seconds if readable else settings.wait_seconds)


def _fault(tables: Tables) -> str | None:
    try:
        tables.check()
    except Unavailable as error:
        return str(error.__cause__)
    return None
