"""Registrations of segments, coalesced."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from tams.metadata.v1.segment_service_pb2 import (
    BatchCreateSegmentsRequest,
    CreateSegmentsRequest,
    CreateSegmentsResponse,
    CreateSegmentsResult,
)

from gateway.clients.coalescer import MAX_IN_FLIGHT, MAX_ITEMS, Coalescer
from gateway.clients.services import Services
from services.shared.errors import TamsError
from services.shared.rpc.client import DEADLINE_SECONDS, call
from services.shared.rpc.status import from_failure

SegmentWriter = Callable[[CreateSegmentsRequest], Awaitable[CreateSegmentsResponse]]

# A full list of 10,000 segments, or deleting a long flow's.
BULK_SECONDS: Final = 60.0
# Lists up to this size travel together, so many at a time; larger ones gain nothing by it.
_LIST_BYTES: Final = 64 * 1024
_LIST_SEGMENTS: Final = 1000
_LISTS: Final = 4
# While one is written the next waits behind it, and a third is on its way.
_LISTS_IN_FLIGHT: Final = 3


def segment_writer(services: Services) -> SegmentWriter:
    """CreateSegments for requests of one segment, as BatchCreateSegments under load."""
    return _coalesced(services, DEADLINE_SECONDS, MAX_ITEMS, MAX_IN_FLIGHT)


def bulk_segment_writer(services: Services) -> SegmentWriter:
    """CreateSegments for requests of many segments; under load short ones travel together."""
    stub = services.segments
    together = _coalesced(services, BULK_SECONDS, _LISTS, _LISTS_IN_FLIGHT)

    async def write(request: CreateSegmentsRequest) -> CreateSegmentsResponse:
        count = len(request.segments) + len(request.columns.object_ids)
        if count <= _LIST_SEGMENTS and request.ByteSize() <= _LIST_BYTES:
            return await together(request)
        return await call(stub.CreateSegments, request, timeout=BULK_SECONDS)

    return write


def _coalesced(services: Services, seconds: float, max_items: int, max_in_flight: int) -> SegmentWriter:
    stub = services.segments

    async def single(request: CreateSegmentsRequest) -> CreateSegmentsResponse:
        return await call(stub.CreateSegments, request, timeout=seconds)

    async def batch(
        requests: Sequence[CreateSegmentsRequest],
    ) -> Sequence[CreateSegmentsResponse | TamsError]:
        asked = BatchCreateSegmentsRequest(requests=requests)
        reply = await call(stub.BatchCreateSegments, asked, timeout=seconds)
        return [_outcome(result) for result in reply.results]

    return Coalescer(
        single, batch, deadline_seconds=seconds, max_items=max_items, max_in_flight=max_in_flight
    )


def _outcome(result: CreateSegmentsResult) -> CreateSegmentsResponse | TamsError:
    return result.response if result.HasField("response") else from_failure(result.failure)
