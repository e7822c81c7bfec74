"""Wires the metadata service; the only module that knows every part."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from services.metadata.adapters.sqlite.connection import path_of
from services.metadata.adapters.sqlite.store import open_store
from services.metadata.application.clock import Clock, utc_now
from services.metadata.application.flows import Flows
from services.metadata.application.objects import Objects
from services.metadata.application.segments import Segments
from services.metadata.application.sources import Sources
from services.metadata.servicers import flows, objects, segments, sources
from services.metadata.settings import Settings
from services.shared.rpc.server import RpcServer, serving


@asynccontextmanager
async def running(settings: Settings, *, clock: Clock = utc_now) -> AsyncIterator[RpcServer]:
    """The metadata service, serving until the block ends."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(
            open_store(path_of(settings.store_url), settings.sqlite_synchronous, settings.max_waiting_writes)
        )
        registrations = [
            sources.registration(Sources(store)),
            flows.registration(Flows(store, clock)),
            segments.registration(Segments(store, clock)),
            objects.registration(Objects(store)),
        ]
        yield await stack.enter_async_context(serving(settings, registrations))
