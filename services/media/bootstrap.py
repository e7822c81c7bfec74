"""The media service put together."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tams.media.v1 import storage_service_pb2
from tams.media.v1.storage_service_pb2_grpc import add_StorageServiceServicer_to_server
from tams.metadata.v1 import object_service_pb2

from services.media.adapters.object_registry import GrpcObjectRegistry
from services.media.adapters.s3 import S3Storage
from services.media.adapters.storage_config import read_storage_backends
from services.media.application.allocation import Allocation
from services.media.application.measuring import Measuring
from services.media.application.ports import Clock, NewObjectId, ObjectStorage
from services.media.application.preparation import prepare
from services.media.application.reclaiming import Reclaiming
from services.media.application.signing import WINDOW_SECONDS, Signing
from services.media.domain.object import Ages
from services.media.domain.storage_backend import StorageBackends
from services.media.servicers.storage import StorageServicer
from services.media.settings import PREFIX, Settings
from services.shared.errors import StartupError
from services.shared.ids import new_object_id as time_ordered_id
from services.shared.rpc.client import open_channel
from services.shared.rpc.server import Registration, RpcServer, serving

_STORAGE_SERVICE = storage_service_pb2.DESCRIPTOR.services_by_name["StorageService"]
_OBJECT_SERVICE = object_service_pb2.DESCRIPTOR.services_by_name["ObjectService"]


def utc_now() -> datetime:
    """The current instant."""
    return datetime.now(UTC)


@asynccontextmanager
async def running(
    settings: Settings, *, clock: Clock = utc_now, new_object_id: NewObjectId = time_ordered_id
) -> AsyncIterator[RpcServer]:
    """The running service: SERVING once the first of its buckets is ready."""
    backends, ages = _backends(settings), _ages(settings)
    async with AsyncExitStack() as stack:
        channel = open_channel(settings.metadata_address, [_OBJECT_SERVICE])
        registry = GrpcObjectRegistry(await stack.enter_async_context(channel))
        storages = _storages(backends, settings.measure_concurrency, stack)
        signing = Signing(backends, clock, settings.url_expiry_seconds)
        allocation = Allocation(backends, registry, signing, clock=clock, new_object_id=new_object_id)
        service = _registration(StorageServicer(backends, allocation, signing))
        measuring = Measuring(registry, storages, settings.measure_concurrency)
        reclaiming = Reclaiming(registry, storages, ages, settings.measure_concurrency)
        server = await stack.enter_async_context(serving(settings, [service], ready=False))
        await stack.enter_async_context(
            _background(
                measuring.run(settings.measure_busy_seconds, settings.measure_idle_seconds),
                reclaiming.run(settings.reclaim_idle_seconds),
                *(_serve_when_ready(backend.label, storages[backend.id], server) for backend in backends),
            )
        )
        yield server


def _backends(settings: Settings) -> StorageBackends:
    if not settings.storage_config:
        raise StartupError(f"set {PREFIX}STORAGE_CONFIG to the file that lists the storage backends")
    return read_storage_backends(Path(settings.storage_config))


def _ages(settings: Settings) -> Ages:
    """How long bytes are kept that nobody uses. StartupError if an upload could come after their deletion."""
    unreferenced, unregistered = settings.reclaim_unreferenced_seconds, settings.reclaim_unregistered_seconds
    longest = settings.url_expiry_seconds + WINDOW_SECONDS
    if 0 <= unregistered < longest:
        raise StartupError(
            f"set {PREFIX}RECLAIM_UNREGISTERED_SECONDS to {longest} or more, or to -1: "
            "signed URLs to upload an object are valid that long"
        )
    return Ages(
        None if unreferenced < 0 else unreferenced,
        None if unregistered < 0 else unregistered,
    )


def _storages(backends: StorageBackends, threads: int, stack: AsyncExitStack) -> dict[str, S3Storage]:
    storages = {backend.id: S3Storage(backend, threads) for backend in backends}
    for storage in storages.values():
        stack.callback(storage.close)
    return storages


def _registration(servicer: StorageServicer) -> Registration:
    return _STORAGE_SERVICE, partial(add_StorageServiceServicer_to_server, servicer)


async def _serve_when_ready(label: str, storage: ObjectStorage, server: RpcServer) -> None:
    await prepare(label, storage)
    await server.report(serving=True)


@asynccontextmanager
async def _background(*work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run beside the block; when the block ends, so does the work. A failure of the work ends both."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
        yield
        for task in tasks:
            task.cancel()
