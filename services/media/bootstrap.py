"""Wires the media service; the only module that knows every part."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from services.access.accounts import RpcAccounts
from services.access.process import guard_of, open_access
from services.access.reports import RpcReports
from services.media.adapters.copy_registry import COPY_SERVICE, GrpcCopyRegistry
from services.media.adapters.notification_listener import listening, read_token
from services.media.adapters.object_registry import OBJECT_SERVICE, GrpcObjectRegistry
from services.media.adapters.s3 import S3Storage
from services.media.adapters.s3_copies import S3Copies
from services.media.adapters.s3_heads import S3Heads
from services.media.adapters.s3_multipart import S3MultipartUploads
from services.media.adapters.storage_config import read_storage_backends
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
    status,
    storage,
    unused_objects,
)
from services.media.settings import PREFIX, Settings
from services.shared.errors import StartupError
from services.shared.ids import new_object_ids as time_ordered_ids
from services.shared.process.background import background
from services.shared.process.runtime import open_runtime
from services.shared.process.telemetry import open_telemetry
from services.shared.rpc.client import open_channel
from services.shared.rpc.server import Registration, RpcServer, serving
from services.shared.telemetry.metrics import Labels, Metrics

_LONGEST_EXPIRY_PAUSE: Final = 600.0
# Each holds a part of an object in memory, of 8 to 64 MiB.
_CONCURRENT_COPIES: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """All that the rules about objects stand on."""

    settings: Settings
    backends: StorageBackends
    ages: Ages
    registry: GrpcObjectRegistry
    circuits: Mapping[str, Circuit]
    storages: Mapping[str, S3Storage]
    multipart_storages: Mapping[str, S3MultipartUploads]
    heads: Mapping[str, S3Heads]
    counts: ObjectCounts
    clock: Clock
    copy_registry: GrpcCopyRegistry
    copies: Copies


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
        labels = {backend.id: backend.label for backend in backends}
        circuits = {backend.id: _circuit(backend.label, settings) for backend in backends}
        registry, copy_registry = GrpcObjectRegistry(metadata), GrpcCopyRegistry(metadata)
        storages = _storages(backends, circuits, settings.measure_concurrency, telemetry.metrics, stack)
        multipart = _multipart_storages(backends, circuits, telemetry.metrics, stack)
        buckets = Buckets(_copy_storages(backends, circuits, telemetry.metrics, stack), multipart, storages)
        ground = _Ground(
            settings=settings,
            backends=backends,
            ages=ages,
            registry=registry,
            circuits=circuits,
            storages=storages,
            multipart_storages=multipart,
            heads=_heads(backends, circuits, telemetry.metrics, stack),
            copy_registry=copy_registry,
            copies=_copies(backends, registry, copy_registry, buckets),
            counts=ObjectCounts(telemetry.metrics, labels),
            clock=clock,
        )
        reachability = Reachability(ground.storages, settings.check_seconds)
        renewals = [CredentialRenewal(backend, ground.storages[backend.id], clock) for backend in backends]
        _publish(reachability, renewals, labels, telemetry.metrics)
        _publish_circuits(circuits, labels, telemetry.metrics)
        recent, size_recorder = RecentObjects(), SizeRecorder(ground.registry, ground.counts)
        notifications = Notifications(backends, ground.registry, recent, size_recorder)
        registrations, work_on_objects = _objects(ground, new_object_ids, recent, size_recorder, reachability)
        registrations.append(status.registration(backends, reachability, circuits))
        await _listen(settings, notifications, stack)
        guard = guard_of(access, registrations)
        server = await stack.enter_async_context(
            serving(settings, registrations, telemetry=telemetry, ready=False, guard=guard)
        )
        work = (
            *work_on_objects(),
            *(renewal.run() for renewal in renewals),
            *_work_on_uploads(ground),
            *_work_on_backends(ground, reachability, server),
        )
        await stack.enter_async_context(background(*work))
        stack.push_async_callback(ground.copies.close)
        yield server


def _objects(
    ground: _Ground,
    new_object_ids: NewObjectIds,
    recent: RecentObjects,
    size_recorder: SizeRecorder,
    reachability: Reachability,
) -> tuple[list[Registration], Callable[[], Sequence[Coroutine[Any, Any, None]]]]:
    """The services about objects, and a function that begins their background work."""
    settings, backends, registry = ground.settings, ground.backends, ground.registry
    expiry = UrlExpiry(settings.url_expiry_seconds, settings.upload_url_expiry_seconds)
    signer = Signer(backends, ground.clock, expiry, ground.counts)
    # Readers of their own, so that requests do not wait behind the measurement or a list for an operator.
    request_reader, reader, list_reader = (
        SizeReader(ground.storages, settings.measure_concurrency) for _ in range(3)
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
    uploads = Uploads(registry, request_reader, recent, size_recorder, ground.storages.keys())
    multipart = MultipartUploads(
        backends,
        registry,
        ground.multipart_storages,
        signer,
        recent=recent,
        size_recorder=size_recorder,
        expiry_seconds=settings.multipart_expiry,
    )
    reclamation = _reclamation(ground)
    unused = UnusedObjects(registry, reclamation, list_reader, ground.storages.keys(), ground.ages)
    registrations = [
        storage.registration(backends, allocation, signer, uploads, reachability),
        multipart_uploads.registration(multipart, ground.clock),
        init_sections.registration(InitSections(ground.heads)),
        unused_objects.registration(unused),
        copies.registration(ground.copies),
    ]
    measurement = Measurement(registry, reader, ground.counts)
    return registrations, lambda: (
        measurement.run(settings.measure_busy_seconds, settings.measure_idle_seconds),
        size_recorder.run(),
        reclamation.run(settings.reclaim_idle_seconds),
    )


def _reclamation(ground: _Ground) -> Reclamation:
    return Reclamation(
        ground.registry,
        ground.storages,
        ground.ages,
        ground.settings.measure_concurrency,
        multipart=ground.multipart_storages,
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


def _publish(
    reachability: Reachability,
    renewals: Sequence[CredentialRenewal],
    labels: Mapping[str, str],
    metrics: Metrics,
) -> None:
    metrics.gauge(
        "tams_storage_backend_up",
        "1 if the backend answered its last check.",
        lambda: {(label,): float(up) for label, up in reachability.up(labels).items()},
        "backend",
    )

    metrics.gauge(
        "tams_storage_credentials_refused",
        "1 if other credentials of the backend are there and cannot be used, so that the old ones stay.",
        lambda: _by_label(renewals, max, lambda renewal: float(renewal.is_refused)),
        "backend",
    )
    metrics.gauge(
        "tams_storage_credentials_left_seconds",
        "The seconds until the credentials of the backend expire; +Inf if that is not known.",
        lambda: _by_label(renewals, min, lambda renewal: renewal.seconds_left),
        "backend",
    )


def _publish_circuits(circuits: Mapping[str, Circuit], labels: Mapping[str, str], metrics: Metrics) -> None:
    def read() -> dict[Labels, float]:
        opened = dict.fromkeys(labels.values(), 0.0)
        for storage_id, circuit in circuits.items():
            opened[labels[storage_id]] = max(opened[labels[storage_id]], float(circuit.is_open))
        return {(label,): value for label, value in opened.items()}

    metrics.gauge(
        "tams_storage_circuit_open",
        "1 while requests to the backend fail at once, because it did not answer several in a row.",
        read,
        "backend",
    )


def _circuit(label: str, settings: Settings) -> Circuit:
    return Circuit(label, settings.circuit_failures, settings.circuit_seconds)


def _by_label(
    renewals: Sequence[CredentialRenewal],
    merge: Callable[[Sequence[float]], float],
    read: Callable[[CredentialRenewal], float],
) -> dict[Labels, float]:
    """A number of each backend, merged for those that have the same label."""
    numbers: dict[Labels, list[float]] = {}
    for renewal in renewals:
        numbers.setdefault((renewal.label,), []).append(read(renewal))
    return {label: merge(found) for label, found in numbers.items()}


def _work_on_backends(
    ground: _Ground, reachability: Reachability, server: RpcServer
) -> Iterator[Coroutine[Any, Any, None]]:
    """The background work on backends: metadata gets to know them, their buckets are created and watched."""
    labels = {backend.id: backend.label for backend in ground.backends}
    registration = BackendRegistration(ground.registry, labels)
    yield registration.run()
    for backend in ground.backends:
        yield _serve_when_ready(backend.label, ground.storages[backend.id], registration, server)
        yield reachability.watch(backend.id, backend.label)


def _work_on_uploads(ground: _Ground) -> Iterator[Coroutine[Any, Any, None]]:
    seconds = ground.settings.multipart_expiry
    if seconds is not None:
        expiry = UploadExpiry(tuple(ground.backends), ground.multipart_storages, ground.clock, seconds)
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


def _storages(
    backends: StorageBackends,
    circuits: Mapping[str, Circuit],
    threads: int,
    metrics: Metrics,
    stack: AsyncExitStack,
) -> dict[str, S3Storage]:
    storages = {
        backend.id: S3Storage(backend, threads, metrics, circuit=circuits[backend.id]) for backend in backends
    }
    for bucket in storages.values():
        stack.callback(bucket.close)
    return storages


def _multipart_storages(
    backends: StorageBackends, circuits: Mapping[str, Circuit], metrics: Metrics, stack: AsyncExitStack
) -> dict[str, S3MultipartUploads]:
    storages = {
        backend.id: S3MultipartUploads(backend, metrics, circuit=circuits[backend.id]) for backend in backends
    }
    for uploads in storages.values():
        stack.callback(uploads.close)
    return storages


def _copies(
    backends: StorageBackends, registry: GrpcObjectRegistry, copy_registry: GrpcCopyRegistry, buckets: Buckets
) -> Copies:
    return Copies(backends, registry, ObjectCopying(backends, copy_registry, buckets), _CONCURRENT_COPIES)


def _copy_storages(
    backends: StorageBackends, circuits: Mapping[str, Circuit], metrics: Metrics, stack: AsyncExitStack
) -> dict[str, S3Copies]:
    storages = {
        backend.id: S3Copies(backend, _CONCURRENT_COPIES, metrics, circuit=circuits[backend.id])
        for backend in backends
    }
    for copies_of_backend in storages.values():
        stack.callback(copies_of_backend.close)
    return storages


def _heads(
    backends: StorageBackends, circuits: Mapping[str, Circuit], metrics: Metrics, stack: AsyncExitStack
) -> dict[str, S3Heads]:
    storages = {backend.id: S3Heads(backend, metrics, circuit=circuits[backend.id]) for backend in backends}
    for heads in storages.values():
        stack.callback(heads.close)
    return storages


async def _serve_when_ready(
    label: str, bucket: ObjectStorage, backend_registration: BackendRegistration, server: RpcServer
) -> None:
    await prepare(label, bucket)
    await backend_registration.wait_first_attempt()
    await server.report(serving=True)
