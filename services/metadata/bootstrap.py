"""Wires the metadata service; the only module that knows every part."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from typing import Any

from services.metadata.adapters.sqlite.administration import SqliteAdministration
from services.metadata.adapters.sqlite.store import SqliteStore, open_store
from services.metadata.application.bell import Bell, Telling
from services.metadata.application.bulk_load import BulkLoads
from services.metadata.application.clock import Clock, utc_now
from services.metadata.application.consistency import Consistency
from services.metadata.application.deletions import Deletions
from services.metadata.application.flows import Flows
from services.metadata.application.objects import Objects
from services.metadata.application.ports import Store
from services.metadata.application.ports.administration import Administration
from services.metadata.application.segments import Segments
from services.metadata.application.service_info import ServiceInfos
from services.metadata.application.sources import Sources
from services.metadata.application.table_admin import TableAdmin
from services.metadata.application.upkeep import Upkeep
from services.metadata.application.webhooks import Webhooks
from services.metadata.servicers import (
    deletions,
    events,
    flows,
    loads,
    objects,
    segments,
    service_info,
    sources,
    table_admin,
    webhooks,
)
from services.metadata.settings import Settings
from services.shared.addresses import Addresses
from services.shared.rpc.server import Registration, RpcServer, serving
from services.shared.store_url import is_vast, sqlite_path


@asynccontextmanager
async def running(settings: Settings, *, clock: Clock = utc_now) -> AsyncIterator[RpcServer]:
    """The metadata service, serving until the block ends."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(_open_store(settings))
        bell = Bell()
        deleting = Deletions(Telling(store, bell), clock, settings.deletion_budget_seconds)
        registrations = _registrations(settings, store, bell, clock, deleting)
        server = await stack.enter_async_context(serving(settings, registrations))
        upkeep = Upkeep(store, clock, deleting)
        await stack.enter_async_context(_background(upkeep.run(server.report)))
        yield server


def _open_store(settings: Settings) -> AbstractAsyncContextManager[Store]:
    if not is_vast(settings.store_url):
        path = sqlite_path(settings.store_url)
        return open_store(path, settings.sqlite_synchronous, settings.max_waiting_writes)
    # Its SDK takes seconds and 150 MB to load, and is there only where it was installed.
    from services.metadata.adapters.vast.store import open_vast_store  # noqa: PLC0415
    from services.shared.vast.cluster import cluster_of  # noqa: PLC0415

    return open_vast_store(
        cluster_of(settings, settings.vast_journal_dir),
        cache_entries=settings.vast_cache_entries,
        cache_seconds=settings.vast_cache_seconds,
        max_waiting=settings.max_waiting_writes,
        single_writer=settings.vast_single_writer,
    )


def _administration(store: Store) -> Administration:
    if isinstance(store, SqliteStore):
        return SqliteAdministration(store)
    from services.metadata.adapters.vast.administration import VastAdministration  # noqa: PLC0415
    from services.metadata.adapters.vast.store import VastStore  # noqa: PLC0415

    assert isinstance(store, VastStore)  # noqa: S101 - _open_store opens one of the two
    return VastAdministration(store)


def _registrations(
    settings: Settings, store: Store, bell: Bell, clock: Clock, deleting: Deletions
) -> list[Registration]:
    administration = _administration(store)
    subscribers = Webhooks(store, clock, Addresses.parse(settings.webhook_networks), bell)
    telling = Telling(store, bell)
    return [
        sources.registration(Sources(telling, clock)),
        flows.registration(Flows(telling, clock, deleting)),
        segments.registration(Segments(telling, clock, deleting)),
        objects.registration(Objects(store)),
        deletions.registration(deleting),
        service_info.registration(ServiceInfos(store)),
        webhooks.registration(subscribers),
        events.registration(subscribers),
        loads.registration(BulkLoads(store, clock)),
        table_admin.registration(TableAdmin(administration), Consistency(store, administration)),
    ]


@asynccontextmanager
async def _background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
