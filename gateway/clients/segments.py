"""Registrations of single segments, coalesced."""

from collections.abc import Sequence

from tams.metadata.v1.segment_service_pb2 import (
    BatchCreateSegmentsRequest,
    CreateSegmentsRequest,
    CreateSegmentsResponse,
    CreateSegmentsResult,
)

from gateway.clients.coalescer import Coalescer
from gateway.clients.services import Services
from services.shared.errors import TamsError
from services.shared.rpc.client import DEADLINE_SECONDS, call
from services.shared.rpc.status import from_failure

SegmentWriter = Coalescer[CreateSegmentsRequest, CreateSegmentsResponse]


def segment_writer(services: Services) -> SegmentWriter:
    """CreateSegments for requests of one segment, as BatchCreateSegments under load."""

    stub = services.segments

    async def single(request: CreateSegmentsRequest) -> CreateSegmentsResponse:
        return await call(stub.CreateSegments, request)

    async def batch(
        requests: Sequence[CreateSegmentsRequest],
    ) -> Sequence[CreateSegmentsResponse | TamsError]:
        reply = await call(stub.BatchCreateSegments, BatchCreateSegmentsRequest(requests=requests))
        return [_outcome(result) for result in reply.results]

    return Coalescer(single, batch, deadline_seconds=DEADLINE_SECONDS)


def _outcome(result: CreateSegmentsResult) -> CreateSegmentsResponse | TamsError:
    return result.response if result.HasField("response") else from_failure(result.failure)
