"""Wires the events service; the only module that knows every part."""

import resource
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from typing import Final

from grpc import aio

from services.access.accounts import RpcAccounts
from services.access.process import guard_of, open_access
from services.access.reports import RpcReports
from services.events.adapters.channels import media_channel, metadata_channel
from services.events.adapters.guarded_network import Resolver
from services.events.adapters.http_sender import HttpSender, create_ssl_context
from services.events.adapters.messages import Messages
from services.events.adapters.outbox import GrpcOutbox
from services.events.application.dispatch import Dispatcher
from services.events.application.environment import Environment, LeaseTime
from services.events.application.event_poll import EventPoll
from services.events.application.observation import ObservedDeliveries
from services.events.application.ports import Outbox, Sender
from services.events.servicers import deliveries
from services.events.settings import PREFIX, Settings
from services.segment_documents.segment_urls import SegmentUrls
from services.segment_documents.storage_backends import StorageBackends
from services.shared.addresses import Addresses
from services.shared.ids import new_uuid
from services.shared.process.background import background
from services.shared.process.runtime import open_runtime
from services.shared.process.telemetry import Telemetry, open_telemetry
from services.shared.rpc.server import RpcServer, serving

_BACKENDS_TTL_SECONDS: Final = 10.0
# A registration that changes through another metadata process is noticed at the next renewal.
_LONGEST_RENEWAL_SECONDS: Final = 1.0
# The open files that a thousand subscribers may need.
_OPEN_FILES: Final = 4096


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[RpcServer]:
    """Run the service until the block ends. It is SERVING while the outbox answers.

    StartupError for a bad setting, and for a port that cannot be bound.
    """
    _allow_open_files()
    async with AsyncExitStack() as stack:
        telemetry = await stack.enter_async_context(open_telemetry("events", settings))
        await stack.enter_async_context(open_runtime(settings, PREFIX, telemetry))
        metadata = await stack.enter_async_context(
            metadata_channel(settings.metadata_address, settings.tls_files)
        )
        media = await stack.enter_async_context(media_channel(settings.media_address, settings.tls_files))
        access = await stack.enter_async_context(
            open_access(settings, RpcAccounts(metadata), RpcReports(metadata))
        )
        resolver = stack.enter_context(closing(Resolver()))
        sender = await stack.enter_async_context(_sender(settings, resolver))
        renew_seconds = min(settings.lease_seconds / 4, _LONGEST_RENEWAL_SECONDS)
        environment = _environment(settings, _outbox(settings, metadata, media), sender, telemetry)
        dispatcher = Dispatcher(environment, renew_seconds=renew_seconds)
        registrations = [deliveries.registration(dispatcher.status)]
        guard = guard_of(access, registrations)
        server = await stack.enter_async_context(
            serving(settings, registrations, ready=False, guard=guard, telemetry=telemetry)
        )
        await stack.enter_async_context(background(dispatcher.run(server.report)))
        yield server


def _allow_open_files() -> None:
    """Raise the limit of open files to _OPEN_FILES, or as far as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def _environment(settings: Settings, outbox: Outbox, sender: Sender, telemetry: Telemetry) -> Environment:
    return Environment(
        outbox=outbox,
        sender=sender,
        lanes=settings.lanes,
        give_up_seconds=settings.give_up_seconds,
        event_poll=EventPoll(outbox),
        lease=LeaseTime(settings.lease_seconds),
        observation=ObservedDeliveries(telemetry),
    )


def _sender(settings: Settings, resolver: Resolver) -> HttpSender:
    return HttpSender(
        Addresses.parse(settings.webhook_networks),
        resolver,
        timeout_seconds=settings.timeout_seconds,
        # One connection for each lane, and one for a lagging key.
        max_idle=settings.lanes + 1,
        ssl_context=create_ssl_context(settings.ca_file),
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
