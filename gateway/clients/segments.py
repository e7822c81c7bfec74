"""Registers segments; concurrent requests are coalesced."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from tams.metadata.v1 import segment_service_pb2

from gateway.clients.by_caller import ByCaller
from gateway.clients.coalescer import Coalescer, sizes_of_batches
from gateway.clients.services import Services
from services.shared.errors import TamsError
from services.shared.rpc.client import DEADLINE_SECONDS, call
from services.shared.rpc.status import from_failure
from services.shared.telemetry.metrics import Metrics

SegmentWriter = Callable[
    [segment_service_pb2.CreateSegmentsRequest], Awaitable[segment_service_pb2.CreateSegmentsResponse]
]

# For a full list of 10,000 segments, and for deleting the segments of a long flow.
BULK_SECONDS: Final = 60.0
# The longest list that is coalesced; longer ones gain little.
_MAX_LIST_BYTES: Final = 64 * 1024
_MAX_LIST_SEGMENTS: Final = 200
_BATCH_SEGMENTS: Final = 500
# One batch is written, one waits for its turn to be written, one is on its way.
_IN_FLIGHT: Final = 3


def segment_writer(services: Services, metrics: Metrics) -> SegmentWriter:
    """A writer that calls CreateSegments; under load it sends short lists together in BatchCreateSegments."""
    stub = services.segments
    sizes = sizes_of_batches(metrics, "CreateSegments")

    async def single(
        request: segment_service_pb2.CreateSegmentsRequest,
    ) -> segment_service_pb2.CreateSegmentsResponse:
        return await call(stub.CreateSegments, request, timeout=_seconds(request))

    async def batch(
        requests: Sequence[segment_service_pb2.CreateSegmentsRequest],
    ) -> Sequence[segment_service_pb2.CreateSegmentsResponse | TamsError]:
        request = segment_service_pb2.BatchCreateSegmentsRequest(requests=requests)
        reply = await call(stub.BatchCreateSegments, request, timeout=max(map(_seconds, requests)))
        return [_outcome(result) for result in reply.results]

    coalesced = ByCaller(
        lambda: Coalescer(
            single,
            batch,
            deadline_seconds=BULK_SECONDS,
            max_in_flight=_IN_FLIGHT,
            max_weight=_BATCH_SEGMENTS,
            weigh=_segment_count,
            sizes=sizes,
        )
    )

    async def write(
        request: segment_service_pb2.CreateSegmentsRequest,
    ) -> segment_service_pb2.CreateSegmentsResponse:
        is_short = _segment_count(request) <= _MAX_LIST_SEGMENTS and request.ByteSize() <= _MAX_LIST_BYTES
        return await (coalesced if is_short else single)(request)

    return write


def _segment_count(request: segment_service_pb2.CreateSegmentsRequest) -> int:
    return len(request.segments.object_ids)


def _seconds(request: segment_service_pb2.CreateSegmentsRequest) -> float:
    return DEADLINE_SECONDS if _segment_count(request) <= 1 else BULK_SECONDS


def _outcome(
    result: segment_service_pb2.CreateSegmentsResult,
) -> segment_service_pb2.CreateSegmentsResponse | TamsError:
    return result.response if result.HasField("response") else from_failure(result.failure)
