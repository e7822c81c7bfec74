"""Wires the events service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from typing import Final

from grpc import aio
from tams.event.v1 import event_service_pb2
from tams.media.v1 import storage_service_pb2

from services.events.adapters.guarded_network import Resolver
from services.events.adapters.http_sender import HttpSender, trusting
from services.events.adapters.messages import Messages
from services.events.adapters.outbox import GrpcOutbox
from services.events.application.delivery import Delivery
from services.events.application.dispatch import Dispatch
from services.events.application.service import PLACES_BEHIND
from services.events.settings import Settings
from services.shared.addresses import Addresses
from services.shared.ids import new_uuid
from services.shared.rpc.client import open_channel
from services.shared.rpc.segment_urls import SegmentUrls, StorageBackends
from services.shared.rpc.server import RpcServer, serving

_EVENTS: Final = event_service_pb2.DESCRIPTOR.services_by_name["EventService"]
_STORAGE: Final = storage_service_pb2.DESCRIPTOR.services_by_name["StorageService"]
_BACKENDS_TTL_SECONDS: Final = 10.0
# How long a new subscriber waits at most until somebody serves it.
_NEW_SUBSCRIBER_SECONDS: Final = 2.0


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[RpcServer]:
    """The events service: no calls of its own but health; SERVING while the outbox answers."""
    async with AsyncExitStack() as stack:
        metadata = await stack.enter_async_context(open_channel(settings.metadata_address, [_EVENTS]))
        media = await stack.enter_async_context(open_channel(settings.media_address, [_STORAGE]))
        resolver = stack.enter_context(closing(Resolver()))
        sender = await stack.enter_async_context(_sender(settings, resolver))
        server = await stack.enter_async_context(serving(settings, [], ready=False))
        outbox = _outbox(settings, metadata, media)
        delivery = Delivery(sender, give_up_seconds=settings.give_up_seconds)
        renew_seconds = min(settings.lease_seconds / 3, _NEW_SUBSCRIBER_SECONDS)
        dispatch = Dispatch(outbox, delivery, places=settings.lanes, renew_seconds=renew_seconds)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(dispatch.run(server.report))
            yield server
            task.cancel()


def _sender(settings: Settings, resolver: Resolver) -> HttpSender:
    return HttpSender(
        Addresses.parse(settings.webhook_networks),
        resolver,
        timeout_seconds=settings.timeout_seconds,
        lanes=settings.lanes + PLACES_BEHIND,
        trusted=trusting(settings.ca_file),
    )


def _outbox(settings: Settings, metadata: aio.Channel, media: aio.Channel) -> GrpcOutbox:
    urls = SegmentUrls(media, StorageBackends(media, _BACKENDS_TTL_SECONDS))
    return GrpcOutbox(
        metadata,
        Messages(urls),
        owner=new_uuid(),
        ttl_seconds=settings.lease_seconds,
        max_webhooks=settings.max_webhooks,
    )
