"""Callers with classes, over gRPC with tokens between services."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from tams.metadata.v1.deletion_request_service_pb2 import ListDeletionRequestsRequest
from tams.metadata.v1.flow_service_pb2 import DeleteFlowRequest, ListFlowsRequest
from tams.metadata.v1.object_service_pb2 import GetObjectRequest, LocateObjectsRequest
from tams.metadata.v1.segment_service_pb2 import ListSegmentsRequest
from tams.metadata.v1.source_service_pb2 import DeleteSourceRequest, GetSourceRequest, ListSourcesRequest
from tams.metadata.v1.trash_pb2 import DeleteOptions
from tams.metadata.v1.trash_service_pb2 import ListTrashRequest, RestoreFlowRequest

from services.shared.access import caller
from services.shared.access.principal import Principal, Scope
from services.shared.access.service_tokens import ServiceTokens
from services.shared.errors import NotFound, PermissionDenied
from tests.rpc.metadata.conftest import Service, serving_metadata
from tests.support.metadata.flows import flow_id, source_id
from tests.support.rpc.messages import create, get_flow, new_segment, put_flow, reserve

SECRET = "the secret of these tests, 32 bytes or more"
TOKENS = ServiceTokens(SECRET.encode())
NEWS, SPORT = 1, 2


@contextmanager
def calling_as(*classes: str) -> Iterator[None]:
    """Make the calls in the block those of a caller with these classes."""
    scopes = (Scope.READ, Scope.WRITE, Scope.DELETE)
    principal = Principal.of(f"user:{'-'.join(classes)}", scopes, frozenset(classes))
    before = caller.principal.get(), caller.make_token.get()
    caller.act_for(principal, partial(TOKENS.make, principal))
    try:
        yield
    finally:
        caller.act_for(*before)


@pytest.fixture
async def secured(tmp_path: Path) -> AsyncIterator[Service]:
    """A service with flow 1 of news and flow 2 of sport, each with a segment of an object of its own."""
    path = tmp_path / "tables.db"
    async with serving_metadata(path, auth="required", service_secret=SECRET) as service:
        for number, name in ((NEWS, "news"), (SPORT, "sport")):
            with calling_as(name):
                await service("PutFlow", put_flow(number))
                await service("ReserveObjects", reserve(number, f"{name} object"))
                segment = new_segment(0, 1, f"{name} object", urls=())
                await service("CreateSegments", create(number, segment))
        yield service


async def test_a_caller_lists_what_has_its_classes(secured: Service) -> None:
    for classes, expected in ((["news"], [1]), (["news", "sport"], [1, 2]), (["other"], []), ([], [])):
        with calling_as(*classes):
            flows = (await secured("ListFlows", ListFlowsRequest())).flows
            sources = (await secured("ListSources", ListSourcesRequest())).sources
        assert [json.loads(flow.document)["id"] for flow in flows] == list(map(flow_id, expected))
        assert [json.loads(source.document)["id"] for source in sources] == list(map(source_id, expected))


async def test_what_is_hidden_is_not_found(secured: Service) -> None:
    with calling_as("news"):
        for method, request in (
            ("GetFlow", get_flow(SPORT)),
            ("GetSource", GetSourceRequest(id=source_id(SPORT))),
            ("GetObject", GetObjectRequest(id="sport object")),
            ("DeleteFlow", DeleteFlowRequest(id=flow_id(SPORT))),
            ("DeleteSource", DeleteSourceRequest(id=source_id(SPORT), cascade=True)),
            ("CreateSegments", create(SPORT, new_segment(5, 6))),
            ("RestoreFlow", RestoreFlowRequest(id=flow_id(SPORT))),
        ):
            with pytest.raises(NotFound):
                await secured(method, request)
        with pytest.raises(PermissionDenied) as raised:
            await secured("PutFlow", put_flow(SPORT))
        assert raised.value.reason == "OUTSIDE_CLASSES"
        listed = await secured("ListSegments", ListSegmentsRequest(flow_id=flow_id(SPORT)))
        assert listed.segments.documents == b""
        names = ["news object", "sport object"]
        located = await secured("LocateObjects", LocateObjectsRequest(object_ids=names))
        assert [one.location.object_id for one in located.objects] == ["news object"]


async def test_a_caller_has_its_own_trash_and_deletion_requests(secured: Service) -> None:
    soft = DeleteOptions(soft_delete=True)
    with calling_as("sport"):
        await secured("DeleteFlow", DeleteFlowRequest(id=flow_id(SPORT), options=soft))
        assert len((await secured("ListTrash", ListTrashRequest())).entries) == 1
    with calling_as("news"):
        assert not (await secured("ListTrash", ListTrashRequest())).entries
        with pytest.raises(NotFound):
            await secured("RestoreFlow", RestoreFlowRequest(id=flow_id(SPORT)))
        assert not (await secured("ListDeletionRequests", ListDeletionRequestsRequest())).deletion_requests
    with calling_as("sport"):
        await secured("RestoreFlow", RestoreFlowRequest(id=flow_id(SPORT)))
        await secured("GetFlow", get_flow(SPORT))
