"""Registrations of segments, coalesced."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from tams.metadata.v1.segment_service_pb2 import (
    BatchCreateSegmentsRequest,
    CreateSegmentsRequest,
    CreateSegmentsResponse,
    CreateSegmentsResult,
)

from gateway.clients.coalescer import Batch, Coalescer, Single
from gateway.clients.services import Services
from services.shared.errors import InvalidArgument, TamsError
from services.shared.rpc.client import DEADLINE_SECONDS, call
from services.shared.rpc.status import from_failure

SegmentWriter = Callable[[CreateSegmentsRequest], Awaitable[CreateSegmentsResponse]]

# A full list of 10,000 segments, or deleting a long flow's.
BULK_SECONDS: Final = 60.0
# Lists up to this size travel together; larger ones gain little by it.
_LIST_BYTES: Final = 64 * 1024
_LIST_SEGMENTS: Final = 200
# So many segments together; while some are written others wait behind them, and a third lot is on its way.
_TOGETHER: Final = 500
_IN_FLIGHT: Final = 3


def segment_writer(services: Services) -> SegmentWriter:
    """CreateSegments for requests of one segment, as BatchCreateSegments under load."""
    single, batch = _calls(services, DEADLINE_SECONDS)
    return Coalescer(single, batch, deadline_seconds=DEADLINE_SECONDS)


def bulk_segment_writer(services: Services) -> SegmentWriter:
    """CreateSegments for requests of many segments; under load short ones travel together."""
    alone, batch = _calls(services, BULK_SECONDS)
    together = Coalescer(
        alone,
        batch,
        deadline_seconds=BULK_SECONDS,
        max_in_flight=_IN_FLIGHT,
        max_weight=_TOGETHER,
        weigh=_segments,
    )

    async def write(request: CreateSegmentsRequest) -> CreateSegmentsResponse:
        short = _segments(request) <= _LIST_SEGMENTS and request.ByteSize() <= _LIST_BYTES
        return await (together if short else alone)(request)

    return write


def _segments(request: CreateSegmentsRequest) -> int:
    return len(request.segments) + len(request.columns.object_ids)


def _calls(
    services: Services, seconds: float
) -> tuple[
    Single[CreateSegmentsRequest, CreateSegmentsResponse],
    Batch[CreateSegmentsRequest, CreateSegmentsResponse],
]:
    stub = services.segments

    async def single(request: CreateSegmentsRequest) -> CreateSegmentsResponse:
        return await call(stub.CreateSegments, request, timeout=seconds)

    async def outcome(request: CreateSegmentsRequest) -> CreateSegmentsResponse | TamsError:
        try:
            return await single(request)
        except TamsError as error:
            return error

    async def batch(
        requests: Sequence[CreateSegmentsRequest],
    ) -> Sequence[CreateSegmentsResponse | TamsError]:
        asked = BatchCreateSegmentsRequest(requests=requests)
        try:
            reply = await call(stub.BatchCreateSegments, asked, timeout=seconds)
        except InvalidArgument:
            # Nothing of it was stored. One request is at fault, which is no business of the others.
            return await asyncio.gather(*map(outcome, requests))
        return [_outcome(result) for result in reply.results]

    return single, batch


def _outcome(result: CreateSegmentsResult) -> CreateSegmentsResponse | TamsError:
    return result.response if result.HasField("response") else from_failure(result.failure)
