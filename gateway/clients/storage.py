"""Allocates objects; concurrent requests are coalesced."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from tams.media.v1 import storage_service_pb2

from gateway.clients.by_caller import ByCaller
from gateway.clients.coalescer import Coalescer, sizes_of_batches
from gateway.clients.services import Services
from services.shared.errors import TamsError
from services.shared.process.logs import request_id
from services.shared.rpc.client import DEADLINE_SECONDS, call
from services.shared.rpc.status import from_failure
from services.shared.telemetry.metrics import Metrics

StorageAllocator = Callable[
    [storage_service_pb2.AllocateStorageRequest], Awaitable[storage_service_pb2.AllocatedObjects]
]
_Request = storage_service_pb2.AllocateStorageRequest
_Outcome = storage_service_pb2.AllocatedObjects | TamsError

# The objects of a request that names no number, as media has it.
_DEFAULT_OBJECTS: Final = 10
# The largest allocation that is coalesced; larger ones gain little.
_MAX_SHARED_OBJECTS: Final = 200
_MAX_SHARED_BYTES: Final = 64 * 1024
# The limit of one call.
_BATCH_OBJECTS: Final = 1000


def storage_allocator(services: Services, metrics: Metrics) -> StorageAllocator:
    """An allocator that sends the requests of a caller that wait together in one BatchAllocateStorage."""

    async def batch(requests: Sequence[_Request]) -> Sequence[_Outcome]:
        message = storage_service_pb2.BatchAllocateStorageRequest(requests=requests)
        reply = await call(services.storage.BatchAllocateStorage, message)
        return list(map(_outcome, reply.results))

    async def single(request: _Request) -> storage_service_pb2.AllocatedObjects:
        (outcome,) = await batch([request])
        if isinstance(outcome, TamsError):
            raise outcome
        return outcome

    sizes = sizes_of_batches(metrics, "AllocateStorage")
    coalesced = ByCaller(
        lambda: Coalescer(
            single,
            batch,
            deadline_seconds=DEADLINE_SECONDS,
            max_weight=_BATCH_OBJECTS,
            weigh=_object_count,
            sizes=sizes,
        )
    )

    async def allocate(request: _Request) -> storage_service_pb2.AllocatedObjects:
        request.request_id = request_id.get()
        is_small = _object_count(request) <= _MAX_SHARED_OBJECTS and request.ByteSize() <= _MAX_SHARED_BYTES
        return await (coalesced if is_small else single)(request)

    return allocate


def _object_count(request: _Request) -> int:
    if request.HasField("object_ids"):
        return len(request.object_ids.ids)
    return max(request.limit, 0) if request.HasField("limit") else _DEFAULT_OBJECTS


def _outcome(result: storage_service_pb2.AllocateStorageResult) -> _Outcome:
    return result.objects if result.HasField("objects") else from_failure(result.failure)
