"""Registrations that travel together."""

# ruff: noqa: N802, ARG002 - method names are the RPC names, and every RPC takes a context

import asyncio
from functools import partial

import pytest
from tams.metadata.v1 import segment_service_pb2
from tams.metadata.v1.segment_pb2 import NewSegment
from tams.metadata.v1.segment_service_pb2 import (
    BatchCreateSegmentsResponse,
    CreateSegmentsRequest,
    CreateSegmentsResponse,
    CreateSegmentsResult,
)
from tams.metadata.v1.segment_service_pb2_grpc import (
    SegmentServiceServicer,
    add_SegmentServiceServicer_to_server,
)

from gateway.clients.segments import bulk_segment_writer, segment_writer
from gateway.clients.services import Services
from services.shared.errors import InvalidArgument, Unavailable
from services.shared.rpc.client import open_channel
from services.shared.rpc.server import serving
from services.shared.settings import ProcessSettings

SERVICE = segment_service_pb2.DESCRIPTOR.services_by_name["SegmentService"]


class Metadata(SegmentServiceServicer):
    """Refuses what asks for "bad", with all that came along."""

    def __init__(self):
        self.batches = []
        self.away = False

    async def CreateSegments(self, request, context):
        self._check([request])
        return CreateSegmentsResponse()

    async def BatchCreateSegments(self, request, context):
        self.batches.append(len(request.requests))
        self._check(request.requests)
        return BatchCreateSegmentsResponse(
            results=[CreateSegmentsResult(response=CreateSegmentsResponse()) for _ in request.requests]
        )

    def _check(self, requests):
        if self.away:
            raise Unavailable("away")
        if any(one.flow_id == "bad" for one in requests):
            raise InvalidArgument("too large", reason="DOCUMENT_TOO_LARGE")


@pytest.fixture
async def metadata():
    return Metadata()


@pytest.fixture(params=[segment_writer, bulk_segment_writer])
async def write(request, metadata):
    add = partial(add_SegmentServiceServicer_to_server, metadata)
    settings = ProcessSettings(drain_seconds=0, grace_seconds=0)
    async with (
        serving(settings, [(SERVICE, add)]) as server,
        open_channel(f"127.0.0.1:{server.port}", [SERVICE]) as channel,
    ):
        yield request.param(Services(channel, channel, channel))


def asked(flow_id, size=1):
    return CreateSegmentsRequest(flow_id=flow_id, segments=[NewSegment()] * size)


async def outcomes(write, *requests):
    return await asyncio.gather(*map(write, requests), return_exceptions=True)


async def test_what_is_refused_is_refused_to_its_own_caller(write, metadata):
    found = await outcomes(write, *(asked(one) for one in ("a", "b", "bad", "c")))
    assert [isinstance(one, InvalidArgument) for one in found] == [False, False, True, False]
    assert found[2].reason == "DOCUMENT_TOO_LARGE"
    assert metadata.batches == [3]


async def test_who_may_have_written_is_not_asked_again(write, metadata):
    metadata.away = True
    found = await outcomes(write, *(asked(one) for one in "abc"))
    assert all(isinstance(one, Unavailable) for one in found)
    assert metadata.batches == [2]


@pytest.mark.parametrize("write", [bulk_segment_writer], indirect=True)
async def test_lists_travel_together_up_to_a_number_of_segments(write, metadata):
    await outcomes(write, asked("a"), *[asked("b", 200)] * 5, *[asked("c", 201)] * 2, *[asked("d", 2)] * 50)
    assert sorted(metadata.batches) == [2, 2, 51]
