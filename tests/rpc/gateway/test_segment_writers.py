"""The registration of segments, in single calls and in batches."""

# ruff: noqa: N802, ARG002 - method names are the RPC names, and every RPC takes a context

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest
from tams.metadata.v1 import segment_service_pb2
from tams.metadata.v1.segment_pb2 import NewSegments
from tams.metadata.v1.segment_service_pb2 import (
    BatchCreateSegmentsRequest,
    BatchCreateSegmentsResponse,
    CreateSegmentsRequest,
    CreateSegmentsResponse,
    CreateSegmentsResult,
)
from tams.metadata.v1.segment_service_pb2_grpc import (
    SegmentServiceServicer,
    add_SegmentServiceServicer_to_server,
)

from gateway.clients.segments import SegmentWriter, segment_writer
from gateway.clients.services import Services
from services.shared.errors import PermissionDenied, Unavailable
from services.shared.process.settings import ProcessSettings
from services.shared.rpc.client import open_channel
from services.shared.rpc.server import serving
from services.shared.rpc.status import to_failure
from services.shared.telemetry.metrics import Metrics

SERVICE = segment_service_pb2.DESCRIPTOR.services_by_name["SegmentService"]


READ_ONLY = PermissionDenied("the flow is read-only", reason="FLOW_READ_ONLY")


class Metadata(SegmentServiceServicer):
    """A segment service that refuses only the segments of the flow "bad"."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.unreachable = False

    async def CreateSegments(self, request: CreateSegmentsRequest, context: object) -> CreateSegmentsResponse:
        self._check()
        if request.flow_id == "bad":
            raise READ_ONLY
        return CreateSegmentsResponse()

    async def BatchCreateSegments(
        self, request: BatchCreateSegmentsRequest, context: object
    ) -> BatchCreateSegmentsResponse:
        self.batches.append(len(request.requests))
        self._check()
        return BatchCreateSegmentsResponse(results=[_result(single.flow_id) for single in request.requests])

    def _check(self) -> None:
        if self.unreachable:
            raise Unavailable("away")


def _result(flow_id: str) -> CreateSegmentsResult:
    if flow_id == "bad":
        return CreateSegmentsResult(failure=to_failure(READ_ONLY))
    return CreateSegmentsResult(response=CreateSegmentsResponse())


@pytest.fixture
async def metadata() -> Metadata:
    # The missing methods are abstract for the type checker only. At run time they answer UNIMPLEMENTED.
    return Metadata()  # type: ignore[abstract]


@pytest.fixture
async def write(metadata: Metadata) -> AsyncIterator[SegmentWriter]:
    add = partial(add_SegmentServiceServicer_to_server, metadata)
    settings = ProcessSettings(drain_seconds=0, grace_seconds=0)
    async with (
        serving(settings, [(SERVICE, add)]) as server,
        open_channel(f"127.0.0.1:{server.port}", [SERVICE]) as channel,
    ):
        yield segment_writer(Services(channel, channel, channel, channel), Metrics())


def request_for(flow_id: str, size: int = 1) -> CreateSegmentsRequest:
    return CreateSegmentsRequest(flow_id=flow_id, segments=NewSegments(object_ids=["o"] * size))


async def outcomes(
    write: SegmentWriter, *requests: CreateSegmentsRequest
) -> list[CreateSegmentsResponse | BaseException]:
    return await asyncio.gather(*map(write, requests), return_exceptions=True)


async def test_a_refusal_in_a_batch_goes_to_its_own_caller(write: SegmentWriter, metadata: Metadata) -> None:
    answers = await outcomes(write, *(request_for(flow_id) for flow_id in ("a", "b", "bad", "c")))
    refusals = [outcome.reason if isinstance(outcome, PermissionDenied) else None for outcome in answers]
    assert refusals == [None, None, "FLOW_READ_ONLY", None]
    assert metadata.batches == [3]


async def test_a_batch_that_may_have_been_written_is_not_repeated(
    write: SegmentWriter, metadata: Metadata
) -> None:
    metadata.unreachable = True
    answers = await outcomes(write, *(request_for(flow_id) for flow_id in "abc"))
    assert all(isinstance(outcome, Unavailable) for outcome in answers)
    assert metadata.batches == [2]


async def test_a_batch_holds_a_bounded_number_of_segments(write: SegmentWriter, metadata: Metadata) -> None:
    await outcomes(
        write,
        request_for("a"),
        *[request_for("b", 200)] * 5,
        *[request_for("c", 201)] * 2,
        *[request_for("d", 2)] * 50,
    )
    assert sorted(metadata.batches) == [2, 2, 51]
