"""Wires the media service; the only module that knows every part."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from grpc import aio

from services.access.accounts import RpcAccounts
from services.access.process import guard_of, open_access
from services.access.reports import RpcReports
from services.media.adapters.backend_gauges import publish_backends
from services.media.adapters.copy_registry import COPY_SERVICE, GrpcCopyRegistry
from services.media.adapters.notification_listener import listening, read_token
from services.media.adapters.object_registry import OBJECT_SERVICE, GrpcObjectRegistry
from services.media.adapters.s3.buckets import CONCURRENT_COPIES, S3Buckets, open_buckets
from services.media.adapters.storage_config import read_storage_backends
from services.media.application.access_counts import AccessCounts
from services.media.application.allocation import Allocation
from services.media.application.backend_registration import BackendRegistration
from services.media.application.copying.copies import Copies
from services.media.application.copying.object_copying import Buckets, ObjectCopying
from services.media.application.credential_renewal import CredentialRenewal
from services.media.application.init_sections import InitSections
from services.media.application.measurement import Measurement
from services.media.application.multipart_uploads import MultipartUploads
from services.media.application.notifications import Notifications
from services.media.application.object_counts import ObjectCounts
from services.media.application.ports import Clock, NewObjectIds, ObjectStorage
from services.media.application.preparation import prepare
from services.media.application.reachability import Reachability
from services.media.application.recent_objects import RecentObjects
from services.media.application.reclamation import Reclamation
from services.media.application.reconciliation import Reconciliation
from services.media.application.signer import WINDOW_SECONDS, Signer, UrlExpiry
from services.media.application.size_reader import SizeReader
from services.media.application.size_recorder import SizeRecorder
from services.media.application.unused_objects import UnusedObjects
from services.media.application.upload_expiry import UploadExpiry
from services.media.application.uploads import Uploads
from services.media.domain.circuit import Circuit
from services.media.domain.object import Ages
from services.media.domain.storage_backend import StorageBackends
from services.media.servicers import (
    copies,
    init_sections,
    multipart_uploads,
    reconciliation,
    status,
    storage,
    unused_objects,
)
from services.media.settings import PREFIX, Settings
from services.shared.errors import StartupError, TamsError
from services.shared.ids import new_object_ids as time_ordered_ids
from services.shared.process.background import background
from services.shared.process.runtime import open_runtime
from services.shared.process.telemetry import open_telemetry
from services.shared.rpc.client import open_channel
from services.shared.rpc.server import Registration, RpcServer, serving
from services.shared.telemetry.metrics import Metrics

_LONGEST_EXPIRY_PAUSE: Final = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """All that the rules about objects stand on."""

    settings: Settings
    backends: StorageBackends
    labels: Mapping[str, str]
    ages: Ages
    registry: GrpcObjectRegistry
    copy_registry: GrpcCopyRegistry
    circuits: Mapping[str, Circuit]
    buckets: S3Buckets
    counts: ObjectCounts
    accesses: AccessCounts | None
    clock: Clock


def utc_now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


@asynccontextmanager
async def running(
    settings: Settings, *, clock: Clock = utc_now, new_object_ids: NewObjectIds = time_ordered_ids
) -> AsyncIterator[RpcServer]:
    """Run the service until the block ends. It is SERVING once the first of its buckets is ready.

    StartupError for a bad setting or storage configuration, and for a port that cannot be bound.
    """
    backends, ages = _backends(settings), _ages(settings)
    async with AsyncExitStack() as stack:
        telemetry = await stack.enter_async_context(open_telemetry("media", settings))
        await stack.enter_async_context(open_runtime(settings, PREFIX, telemetry))
        channel = open_channel(settings.metadata_address, [OBJECT_SERVICE, COPY_SERVICE], settings.tls_files)
        metadata = await stack.enter_async_context(channel)
        access = await stack.enter_async_context(
            open_access(settings, RpcAccounts(metadata), RpcReports(metadata))
        )
        ground = _open_ground(
            settings, backends, ages, metadata, stack, metrics=telemetry.metrics, clock=clock
        )
        storages = ground.buckets.storages
        reachability = Reachability(storages, settings.check_seconds)
        renewals = [CredentialRenewal(backend, storages[backend.id], clock) for backend in backends]
        publish_backends(reachability, renewals, ground.circuits, ground.labels, telemetry.metrics)
        registrations, work = await _objects(ground, new_object_ids, reachability, stack)
        running_copies = _copies(ground)
        registrations += [
            copies.registration(running_copies),
            status.registration(backends, reachability, ground.circuits),
        ]
        guard = guard_of(access, registrations)
        server = await stack.enter_async_context(
            serving(settings, registrations, telemetry=telemetry, ready=False, guard=guard)
        )
        await stack.enter_async_context(
            background(
                *work(),
                *(renewal.run() for renewal in renewals),
                *_work_on_uploads(ground),
                *_work_on_backends(ground, reachability, server),
            )
        )
        stack.push_async_callback(running_copies.close)
        yield server


def _open_ground(
    settings: Settings,
    backends: StorageBackends,
    ages: Ages,
    metadata: aio.Channel,
    stack: AsyncExitStack,
    *,
    metrics: Metrics,
    clock: Clock,
) -> _Ground:
    labels = {backend.id: backend.label for backend in backends}
    circuits = {backend.id: _circuit(backend.label, settings) for backend in backends}
    registry, counts = GrpcObjectRegistry(metadata), ObjectCounts(metrics, labels)
    accesses = AccessCounts(registry, counts) if settings.count_accesses else None
    if accesses is not None:
        stack.push_async_callback(_give_last, accesses)
    opening = open_buckets(backends, circuits, settings.measure_concurrency, metrics)
    return _Ground(
        settings=settings,
        backends=backends,
        labels=labels,
        ages=ages,
        registry=registry,
        copy_registry=GrpcCopyRegistry(metadata),
        circuits=circuits,
        buckets=stack.enter_context(opening),
        counts=counts,
        accesses=accesses,
        clock=clock,
    )


async def _objects(
    ground: _Ground, new_object_ids: NewObjectIds, reachability: Reachability, stack: AsyncExitStack
) -> tuple[list[Registration], Callable[[], Sequence[Coroutine[Any, Any, None]]]]:
    """The services about objects, and a function that begins their background work."""
    settings, backends, registry, buckets = ground.settings, ground.backends, ground.registry, ground.buckets
    recent, size_recorder = RecentObjects(), SizeRecorder(registry, ground.counts)
    expiry = UrlExpiry(settings.url_expiry_seconds, settings.upload_url_expiry_seconds)
    signer = Signer(backends, ground.clock, expiry, ground.counts, ground.accesses)
    # Readers of their own, so that requests do not wait behind the measurement or a list for an operator.
    request_reader, reader, list_reader, compare_reader = (
        SizeReader(buckets.storages, settings.measure_concurrency) for _ in range(4)
    )
    allocation = Allocation(
        backends,
        registry,
        signer,
        recent,
        clock=ground.clock,
        new_object_ids=new_object_ids,
        counts=ground.counts,
    )
    uploads = Uploads(registry, request_reader, recent, size_recorder, buckets.storages.keys())
    reclamation = _reclamation(ground)
    unused = UnusedObjects(registry, reclamation, list_reader, buckets.storages.keys(), ground.ages)
    comparison = Reconciliation(tuple(backends), buckets.keys, registry, compare_reader, clock=ground.clock)
    await _listen(settings, Notifications(backends, registry, recent, size_recorder), stack)
    registrations = [
        storage.registration(backends, allocation, signer, uploads, reachability),
        multipart_uploads.registration(_multipart(ground, signer, recent, size_recorder), ground.clock),
        init_sections.registration(InitSections(buckets.heads)),
        unused_objects.registration(unused),
        reconciliation.registration(comparison),
    ]
    measurement = Measurement(registry, reader, ground.counts)
    return registrations, lambda: (
        measurement.run(settings.measure_busy_seconds, settings.measure_idle_seconds),
        size_recorder.run(),
        reclamation.run(settings.reclaim_idle_seconds),
        *(() if ground.accesses is None else (ground.accesses.run(),)),
    )


def _multipart(
    ground: _Ground, signer: Signer, recent: RecentObjects, size_recorder: SizeRecorder
) -> MultipartUploads:
    return MultipartUploads(
        ground.backends,
        ground.registry,
        ground.buckets.multipart,
        signer,
        recent=recent,
        size_recorder=size_recorder,
        expiry_seconds=ground.settings.multipart_expiry,
    )


def _copies(ground: _Ground) -> Copies:
    buckets = Buckets(ground.buckets.copies, ground.buckets.multipart, ground.buckets.storages)
    copying = ObjectCopying(ground.backends, ground.copy_registry, buckets)
    return Copies(ground.backends, ground.registry, copying, CONCURRENT_COPIES)


async def _give_last(accesses: AccessCounts) -> None:
    """Give the numbers that still wait when the process stops, if the registry answers."""
    with suppress(TamsError):
        await accesses.give()


def _reclamation(ground: _Ground) -> Reclamation:
    return Reclamation(
        ground.registry,
        ground.buckets.storages,
        ground.ages,
        ground.settings.measure_concurrency,
        multipart=ground.buckets.multipart,
        circuits=ground.circuits.values(),
        counts=ground.counts,
        copies=ground.copy_registry,
        retired_seconds=ground.settings.url_expiry_seconds + WINDOW_SECONDS,
    )


async def _listen(settings: Settings, notifications: Notifications, stack: AsyncExitStack) -> None:
    """Listen for notifications of storage, if that is set. StartupError without a token or a free port."""
    if settings.notifications_port >= 0:
        token = read_token(settings.notifications_token_file, f"{PREFIX}NOTIFICATIONS_TOKEN_FILE")
        address = settings.notifications_host, settings.notifications_port
        await stack.enter_async_context(listening(notifications.note, token, *address))


def _circuit(label: str, settings: Settings) -> Circuit:
    return Circuit(label, settings.circuit_failures, settings.circuit_seconds)


def _work_on_backends(
    ground: _Ground, reachability: Reachability, server: RpcServer
) -> Iterator[Coroutine[Any, Any, None]]:
    """The background work on backends: metadata gets to know them, their buckets are created and watched."""
    registration = BackendRegistration(ground.registry, ground.labels)
    yield registration.run()
    for backend in ground.backends:
        yield _serve_when_ready(backend.label, ground.buckets.storages[backend.id], registration, server)
        yield reachability.watch(backend.id, backend.label)


def _work_on_uploads(ground: _Ground) -> Iterator[Coroutine[Any, Any, None]]:
    seconds = ground.settings.multipart_expiry
    if seconds is not None:
        expiry = UploadExpiry(tuple(ground.backends), ground.buckets.multipart, ground.clock, seconds)
        yield expiry.run(min(max(seconds / 10, 1.0), _LONGEST_EXPIRY_PAUSE))


def _backends(settings: Settings) -> StorageBackends:
    if not settings.storage_config:
        raise StartupError(f"set {PREFIX}STORAGE_CONFIG to the file that lists the storage backends")
    return read_storage_backends(Path(settings.storage_config))


def _ages(settings: Settings) -> Ages:
    """The ages of unused objects to reclaim. StartupError if an upload could come after the deletion."""
    unreferenced, unregistered = settings.reclaim_unreferenced_seconds, settings.reclaim_unregistered_seconds
    validity = settings.upload_url_expiry_seconds + WINDOW_SECONDS
    if 0 <= unregistered < validity:
        raise StartupError(
            f"set {PREFIX}RECLAIM_UNREGISTERED_SECONDS to {validity} or more, or to -1: "
            "signed URLs to upload an object are valid that long"
        )
    return Ages(
        None if unreferenced < 0 else unreferenced,
        None if unregistered < 0 else unregistered,
    )


async def _serve_when_ready(
    label: str, bucket: ObjectStorage, backend_registration: BackendRegistration, server: RpcServer
) -> None:
    await prepare(label, bucket)
    await backend_registration.wait_first_attempt()
    await server.report(serving=True)
