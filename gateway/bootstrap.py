"""Wires the gateway; the only module that knows every part."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from gateway.admission import Admission
from gateway.app import App
from gateway.clients.documents import FlowDocuments, SourceDocuments
from gateway.clients.flows import FlowReader, flow_reader
from gateway.clients.health import HealthChecks
from gateway.clients.init_sections import InitSections
from gateway.clients.live_windows import LiveWindows
from gateway.clients.playable_flows import PlayableFlows
from gateway.clients.segments import segment_writer
from gateway.clients.services import Services
from gateway.clients.storage import storage_allocator
from gateway.clients.uploads import MissingObjectFinder, missing_object_finder, sampled
from gateway.handlers.accounts.api_keys import ApiKeys
from gateway.handlers.accounts.tokens import Tokens
from gateway.handlers.accounts.users import Users
from gateway.handlers.administration.administration import TableAdministration
from gateway.handlers.administration.gate import Gate
from gateway.handlers.administration.loads import Loads
from gateway.handlers.administration.reconciliation import Reconciliation
from gateway.handlers.administration.unused_objects import UnusedObjects
from gateway.handlers.analytics import Analytics
from gateway.handlers.audit import Audit
from gateway.handlers.batches import Batches
from gateway.handlers.deletion_requests import DeletionRequests
from gateway.handlers.documentation import Documentation
from gateway.handlers.flows import Flows
from gateway.handlers.health.health import Health
from gateway.handlers.multipart_uploads import MultipartUploads
from gateway.handlers.object_copies import ObjectCopies
from gateway.handlers.objects import Objects
from gateway.handlers.playlists.media import MediaPlaylists
from gateway.handlers.playlists.multivariant import MultivariantPlaylists
from gateway.handlers.properties import Properties
from gateway.handlers.segments import Segments
from gateway.handlers.service import Service
from gateway.handlers.sources import Sources
from gateway.handlers.storage import Storage
from gateway.handlers.tags import Tags
from gateway.handlers.trash import Trash
from gateway.handlers.webhooks import Webhooks
from gateway.http.forwarded import Forwarded
from gateway.http.links import Links
from gateway.http.origins import Origins
from gateway.http.paging import Paging
from gateway.http.routing import Router
from gateway.http.wire.body import BodyReader
from gateway.http.wire.connections import Connections
from gateway.limits.addresses import ClientAddresses
from gateway.limits.limits import Limits
from gateway.openapi import viewer
from gateway.routes import Handlers, routes
from gateway.server import HttpServer, serving
from gateway.settings import PREFIX, Settings
from services.access.accounts import RpcAccounts
from services.access.process import Access, open_access
from services.access.reports import RpcReports
from services.segment_documents.segment_urls import SegmentUrls
from services.segment_documents.storage_backends import StorageBackends
from services.shared.addresses import is_loopback
from services.shared.errors import StartupError
from services.shared.process.runtime import RuntimeSettings, open_runtime
from services.shared.process.telemetry import open_telemetry
from services.shared.telemetry.metrics import Metrics


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[HttpServer]:
    """Serve until the block ends. The services may start later.

    StartupError for a bad setting, and for a port that cannot be bound.
    """
    async with AsyncExitStack() as stack:
        _refuse_open_doors(settings)
        telemetry = await stack.enter_async_context(open_telemetry("gateway", settings))
        runtime = await stack.enter_async_context(open_runtime(settings, PREFIX, telemetry))
        services = await Services.open(settings, stack)
        accounts = RpcAccounts(services.channels["metadata"])
        access = await stack.enter_async_context(
            open_access(settings, accounts, RpcReports(services.channels["metadata"]))
        )
        forwarded = _forwarded(settings)
        links = Links(settings.public_url, fallback_host=settings.address, forwarded=forwarded)
        bodies = BodyReader(settings.max_body_bytes, settings.body_seconds, settings.max_held_bytes)
        handlers = _handlers(settings, services, links, access, bodies, metrics=telemetry.metrics)
        origins = Origins(settings.write_origins, links)
        connections = Connections(settings.max_held_bytes, settings.unread_seconds)
        _count_what_clients_hold(telemetry.metrics, connections, bodies)
        app = App(
            Router(routes(handlers)),
            origins,
            connections,
            _admission(runtime, access, forwarded),
            telemetry=telemetry,
            access_log=settings.access_log,
        )
        runtime.apply(partial(_log_requests, app))
        server = await stack.enter_async_context(serving(app, connections, settings))
        try:
            yield server
        finally:
            # Load balancers see in /ready that the gateway stops while it still accepts connections.
            handlers.health.draining = True
            await asyncio.sleep(settings.drain_seconds)


def _refuse_open_doors(settings: Settings) -> None:
    """StartupError if everyone in the network could do everything, and nobody has said that this is meant."""
    if settings.auth == "off" and not settings.unprotected and not is_loopback(settings.host):
        raise StartupError(
            f"{settings.host} is no loopback address, and without access control everyone who reaches it may"
            f" do everything; set TAMS_AUTH=required, or {PREFIX}UNPROTECTED=true if another part protects it"
        )


def _forwarded(settings: Settings) -> Forwarded | None:
    if not settings.trust_forwarded:
        return None
    return Forwarded(settings.forwarded_header, settings.trusted_proxies)


def _admission(
    runtime: RuntimeSettings[Settings], access: Access | None, forwarded: Forwarded | None
) -> Admission | None:
    """The admission of requests, whose limits follow the settings; None if nothing can refuse any."""
    limits = Limits.of(runtime.current, forwarded)
    if access is None and limits is None and not runtime.current.runtime_file:
        return None
    admission = Admission(access, limits, ClientAddresses(forwarded))

    def limit(settings: Settings) -> None:
        admission.limits = Limits.of(settings, forwarded, before=admission.limits)

    runtime.apply(limit)
    return admission


def _log_requests(app: App, settings: Settings) -> None:
    app.access_log = settings.access_log


def _count_what_clients_hold(metrics: Metrics, connections: Connections, bodies: BodyReader) -> None:
    metrics.gauge("tams_connections", "The open connections of clients.", lambda: connections.count)
    metrics.gauge(
        "tams_held_bytes",
        "The bytes of request bodies in use and of responses that clients have not read.",
        lambda: bodies.held_bytes + connections.outgoing.bytes,
    )


def _handlers(
    settings: Settings,
    services: Services,
    links: Links,
    access: Access | None,
    bodies: BodyReader,
    *,
    metrics: Metrics,
) -> Handlers:
    paging = Paging(links)
    backends = StorageBackends(services.channels["media"], settings.backends_ttl_seconds)
    gate = Gate(offered=settings.admin, open_hosts=settings.admin_hosts)
    account_gate = _account_gate(gate, access)
    deletion_requests = DeletionRequests(services, links)
    reader = flow_reader(services, metrics)
    sources, flows = SourceDocuments(services), FlowDocuments(services, reader)
    urls = SegmentUrls(services.channels["media"], backends)
    playable = PlayableFlows(services, reader, urls, InitSections(services))
    windows = LiveWindows(playable)
    return Handlers(
        service=Service(services, settings, backends, bodies),
        webhooks=Webhooks(services, bodies, offered=settings.webhooks),
        sources=Sources(services, deletion_requests, paging),
        source_properties=Properties(sources, bodies),
        source_tags=Tags(sources, bodies),
        flows=_flows(services, reader, deletion_requests, bodies, paging),
        flow_properties=Properties(flows, bodies),
        flow_tags=Tags(flows, bodies),
        segments=_segments(
            settings, services, urls, deletion_requests, bodies=bodies, paging=paging, metrics=metrics
        ),
        storage=Storage(storage_allocator(services, metrics), bodies),
        trash=Trash(services, paging),
        objects=Objects(services, deletion_requests, paging),
        multipart_uploads=MultipartUploads(services, bodies, paging),
        object_copies=ObjectCopies(services, bodies, gate),
        deletion_requests=deletion_requests,
        batches=Batches(services, sources, bodies),
        analytics=Analytics(services),
        media_playlists=MediaPlaylists(playable, windows),
        multivariant_playlists=MultivariantPlaylists(playable, sources, windows),
        tokens=Tokens(None if access is None else access.urls, bodies),
        administration=TableAdministration(services, bodies, gate),
        loads=Loads(services, bodies, gate),
        unused_objects=UnusedObjects(services, paging, gate),
        reconciliation=Reconciliation(services, gate),
        audit=Audit(services, paging, account_gate),
        users=Users(services, bodies, paging, account_gate),
        api_keys=ApiKeys(services, bodies, paging, account_gate),
        health=Health(HealthChecks(services, events=settings.webhooks)),
        documentation=Documentation(partial(_document, settings.public_url), viewer.PAGE, viewer.FILES),
    )


def _account_gate(gate: Gate, access: Access | None) -> Gate | None:
    """The gate of accounts, None with access control: callers with ADMIN administer them from anywhere.

    Without it accounts have the gate of the tables, so the first user is made on this machine.
    """
    return None if access is not None else gate


def _flows(
    services: Services,
    reader: FlowReader,
    deletion_requests: DeletionRequests,
    bodies: BodyReader,
    paging: Paging,
) -> Flows:
    return Flows(services, reader=reader, deletion_requests=deletion_requests, bodies=bodies, paging=paging)


def _document(public_url: str) -> bytes:
    # Called for the first request for the document. The YAML parser is loaded only then.
    from gateway.openapi.document import openapi_json  # noqa: PLC0415

    return openapi_json(public_url)


def _segments(
    settings: Settings,
    services: Services,
    urls: SegmentUrls,
    deletion_requests: DeletionRequests,
    *,
    bodies: BodyReader,
    paging: Paging,
    metrics: Metrics,
) -> Segments:
    return Segments(
        services,
        writer=segment_writer(services, metrics),
        find_missing_objects=_upload_check(settings, services, metrics),
        urls=urls,
        deletion_requests=deletion_requests,
        bodies=bodies,
        paging=paging,
    )


def _upload_check(settings: Settings, services: Services, metrics: Metrics) -> MissingObjectFinder | None:
    if not settings.check_uploads:
        return None
    return sampled(missing_object_finder(services, metrics), settings.check_uploads_share)
