"""Wires the gateway; the only module that knows every part."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from gateway.app import App
from gateway.clients.documents import FlowDocuments, SourceDocuments
from gateway.clients.flows import flow_reader
from gateway.clients.segments import bulk_segment_writer, segment_writer
from gateway.clients.services import Services
from gateway.handlers.administration import Gate
from gateway.handlers.analytics import Analytics
from gateway.handlers.batches import Batches
from gateway.handlers.deletion_requests import DeletionRequests
from gateway.handlers.documentation import Documentation
from gateway.handlers.flows import Flows
from gateway.handlers.health import Health
from gateway.handlers.loads import Loads
from gateway.handlers.objects import Objects
from gateway.handlers.properties import Properties
from gateway.handlers.segments import Segments
from gateway.handlers.service import Service
from gateway.handlers.sources import Sources
from gateway.handlers.storage import Storage
from gateway.handlers.table_admin import TableAdmin
from gateway.handlers.tags import Tags
from gateway.handlers.webhooks import Webhooks
from gateway.http.body import BodyReader
from gateway.http.links import Links
from gateway.http.paging import Paging
from gateway.http.routing import Router
from gateway.openapi.document import openapi_json
from gateway.openapi.page import html
from gateway.routes import Handlers, routes
from gateway.server import HttpServer, serving
from gateway.settings import Settings
from services.shared.rpc.segment_urls import SegmentUrls, StorageBackends


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[HttpServer]:
    """The gateway, serving until the block ends, whether or not the services are there yet."""
    async with AsyncExitStack() as stack:
        services = await Services.open(settings, stack)
        handlers = _handlers(settings, services)
        app = App(Router(routes(handlers)), access_log=settings.access_log)
        server = await stack.enter_async_context(serving(app, settings))
        try:
            yield server
        finally:
            # Balancers get to see that it is about to stop while it still accepts.
            handlers.health.draining = True
            await asyncio.sleep(settings.drain_seconds)


def _handlers(settings: Settings, services: Services) -> Handlers:
    links = Links(
        settings.public_url,
        trust_forwarded=settings.trust_forwarded,
        fallback_host=settings.address,
    )
    paging = Paging(links)
    bodies = BodyReader(settings.max_body_bytes, settings.body_seconds)
    backends = StorageBackends(services.channels["media"], settings.backends_ttl_seconds)
    gate = Gate(offered=settings.admin)
    deletion_requests = DeletionRequests(services, links)
    document = openapi_json(settings.public_url)
    reader = flow_reader(services)
    sources, flows = SourceDocuments(services), FlowDocuments(services, reader)
    return Handlers(
        service=Service(services, settings, backends, bodies),
        webhooks=Webhooks(services, bodies, offered=settings.webhooks),
        sources=Sources(services, paging),
        source_properties=Properties(sources, bodies),
        source_tags=Tags(sources, bodies),
        flows=Flows(
            services,
            reader=reader,
            deletion_requests=deletion_requests,
            bodies=bodies,
            paging=paging,
        ),
        flow_properties=Properties(flows, bodies),
        flow_tags=Tags(flows, bodies),
        segments=_segments(services, backends, deletion_requests, bodies, paging),
        storage=Storage(services, bodies),
        objects=Objects(services, paging),
        deletion_requests=deletion_requests,
        batches=Batches(services, sources, bodies),
        analytics=Analytics(services),
        table_admin=TableAdmin(services, bodies, gate),
        loads=Loads(services, bodies, gate),
        health=Health(services.channels),
        documentation=Documentation(document, html(document)),
    )


def _segments(
    services: Services,
    backends: StorageBackends,
    deletion_requests: DeletionRequests,
    bodies: BodyReader,
    paging: Paging,
) -> Segments:
    return Segments(
        services,
        writer=segment_writer(services),
        bulk_writer=bulk_segment_writer(services),
        urls=SegmentUrls(services.channels["media"], backends),
        storage_backends=backends,
        deletion_requests=deletion_requests,
        bodies=bodies,
        paging=paging,
    )
