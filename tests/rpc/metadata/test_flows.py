import json
from typing import Any

import pytest
from tams.metadata.v1.flow_pb2 import Flow
from tams.metadata.v1.flow_service_pb2 import (
    BatchGetFlowsRequest,
    DeleteFlowRequest,
    GetFlowRequest,
    ListFlowsRequest,
    UpdateFlowRequest,
)
from tams.metadata.v1.property_pb2 import PropertyChange
from tams.metadata.v1.source_service_pb2 import GetSourceRequest, ListSourcesRequest, UpdateSourceRequest
from tams.type.v1.timerange_pb2 import TimeRange

from services.shared.errors import NotFound
from tests.rpc.metadata.conftest import Service
from tests.support.metadata.flows import FORMATS, a_flow, encoded, flow_id, source_id
from tests.support.rpc.messages import create, get_flow, new_segment, put_flow

INT64 = (-(2**63), 2**63 - 1)


def members(message: Any) -> dict[str, Any]:
    """The members of the document in a message."""
    parsed: dict[str, Any] = json.loads(message.document)
    return parsed


@pytest.mark.parametrize("kind", FORMATS)
async def test_a_flow_is_stored_and_read(service: Service, kind: str) -> None:
    reply = await service("PutFlow", put_flow(1, kind, label="x"))
    assert reply.created
    assert members(reply.flow).items() >= a_flow(1, kind, label="x").items()
    found: Flow = await service("GetFlow", get_flow())
    assert found == reply.flow


async def test_a_flow_that_is_put_again_is_replaced(service: Service) -> None:
    first = await service("PutFlow", put_flow(1, label="x"))
    second = await service("PutFlow", put_flow(1, read_only=True, container=None))
    assert (first.created, second.created) == (True, False)
    stored = members(second.flow)
    assert stored["read_only"]
    assert stored.keys().isdisjoint({"label", "container"})


async def test_the_extent_of_a_flow_is_clipped_to_the_timerange_of_the_request(service: Service) -> None:
    await service("PutFlow", put_flow(1))
    await service("CreateSegments", create(1, new_segment(0, 10), new_segment(20, 31, inclusive=True)))
    cases = [
        (None, "[0:0_0:30]"),
        (TimeRange(), "[0:0_0:30]"),
        (TimeRange(start_ns=5), "[0:5_0:30]"),
        (TimeRange(end_ns=25), "[0:0_0:25)"),
        (TimeRange(start_ns=10, end_ns=20), "()"),
        (TimeRange(start_ns=5, end_ns=0), "()"),
        (TimeRange(start_ns=INT64[0], end_ns=INT64[1]), "[0:0_0:30]"),
        (TimeRange(start_ns=INT64[1], end_ns=INT64[0]), "()"),
    ]
    for timerange, expected in cases:
        flow = await service("GetFlow", get_flow(include_timerange=True, timerange=timerange))
        assert members(flow)["timerange"] == expected, timerange
    assert "timerange" not in members(await service("GetFlow", get_flow(timerange=TimeRange(start_ns=5))))


async def test_a_batch_of_flows_has_a_result_for_each_request(service: Service) -> None:
    await service("PutFlow", put_flow(1))
    requests = [get_flow(9), get_flow(1), GetFlowRequest(id="x"), get_flow(1, include_timerange=True)]
    reply = await service("BatchGetFlows", BatchGetFlowsRequest(requests=requests))
    reasons = [
        result.failure.reason if result.HasField("failure") else members(result.flow)["id"]
        for result in reply.results
    ]
    assert reasons == ["FLOW_NOT_FOUND", flow_id(1), "FLOW_NOT_FOUND", flow_id(1)]
    assert members(reply.results[3].flow)["timerange"] == "()"
    assert len((await service("BatchGetFlows", BatchGetFlowsRequest())).results) == 0


async def test_flows_that_do_not_fit_into_the_reply_of_a_batch_fail(service: Service) -> None:
    await service("PutFlow", put_flow(1, label="x" * 1_000_000))
    reply = await service("BatchGetFlows", BatchGetFlowsRequest(requests=[get_flow(1)] * 80))
    found = [result.HasField("flow") for result in reply.results]
    assert 0 < sum(found) < 80
    assert found == sorted(found, reverse=True)
    assert {result.failure.reason for result in reply.results if result.HasField("failure")} == {"EXHAUSTED"}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [1, 2, 3]),
        ({"source_id": source_id(2)}, [2]),
        ({"source_id": ""}, []),
        ({"format": FORMATS["audio"]}, [2]),
        ({"codec": "audio/aac"}, [2]),
        ({"label": "l"}, [1]),
        ({"frame_width": 1920, "frame_height": 1080}, [1, 3]),
        ({"frame_width": INT64[0]}, []),
        ({"tags": {"a.b/\u00e9": "1"}}, [1]),
        ({"tag_exists": {"a.b/\u00e9": False}}, [2, 3]),
        ({"tag_exists": {"a.b/\u00e9": True}}, [1]),
        ({"timerange": TimeRange()}, [1, 2, 3]),
        ({"timerange": TimeRange(start_ns=INT64[0], end_ns=INT64[1])}, [3]),
        ({"timerange": TimeRange(start_ns=0, end_ns=0)}, [1, 2]),
        ({"timerange": TimeRange(start_ns=9, end_ns=20)}, [3]),
        ({"timerange": TimeRange(start_ns=10)}, []),
    ],
)
async def test_the_list_applies_each_filter(
    service: Service, filters: dict[str, Any], expected: list[int]
) -> None:
    await service("PutFlow", put_flow(1, label="l", tags={"a.b/\u00e9": "1"}))
    await service("PutFlow", put_flow(2, "audio"))
    await service("PutFlow", put_flow(3))
    await service("CreateSegments", create(3, new_segment(0, 10)))
    reply = await service("ListFlows", ListFlowsRequest(**filters))
    assert [members(flow)["id"] for flow in reply.flows] == [flow_id(number) for number in expected]
    assert (reply.page_size, reply.next_page_token) == (100, "")


async def test_pages_lead_through_all_flows_and_sources_in_order(service: Service) -> None:
    for number in range(1, 6):
        await service("PutFlow", put_flow(number))
    for method, request, field in (
        ("ListFlows", ListFlowsRequest, "flows"),
        ("ListSources", ListSourcesRequest, "sources"),
    ):
        ids, token = [], ""
        for _ in range(50):
            reply = await service(method, request(page_size=2, page_token=token))
            ids += [members(resource)["id"] for resource in getattr(reply, field)]
            token = reply.next_page_token
            if not token:
                break
        assert ids == sorted(ids)
        assert len(set(ids)) == 5


@pytest.mark.parametrize(
    ("requested", "size"), [(0, 100), (-(2**31), 100), (1, 1), (1000, 1000), (1001, 1000), (2**31 - 1, 1000)]
)
async def test_the_page_size_has_a_default_and_a_maximum(service: Service, requested: int, size: int) -> None:
    assert (await service("ListFlows", ListFlowsRequest(page_size=requested))).page_size == size
    assert (await service("ListSources", ListSourcesRequest(page_size=requested))).page_size == size


async def test_properties_of_a_flow_are_changed_together(service: Service) -> None:
    await service("PutFlow", put_flow(1, tags={"old": "1"}, metadata_version="1"))
    await service("PutFlow", put_flow(2))
    collection = [{"id": flow_id(2), "role": "r"}]
    changes = [
        PropertyChange(member="label", value=b'"new"'),
        PropertyChange(member="description"),
        PropertyChange(member="max_bit_rate", value=b"5"),
        PropertyChange(member="flow_collection", value=encoded(collection)),
        PropertyChange(tag="old"),
        PropertyChange(tag="a/b", value='"\u00e9"'.encode()),
        PropertyChange(member="read_only", value=b"true"),
    ]
    request = UpdateFlowRequest(id=flow_id(1), changes=changes)
    flow = await service("UpdateFlow", request)
    expected = {"label": "new", "max_bit_rate": 5, "flow_collection": collection, "tags": {"a/b": "\u00e9"}}
    assert members(flow).items() >= (expected | {"read_only": True}).items()
    assert members(flow)["metadata_version"] != "1"
    assert members(await service("GetFlow", get_flow(2)))["collected_by"] == [flow_id(1)]
    writable = [PropertyChange(member="read_only", value=b"false")]
    flow = await service("UpdateFlow", UpdateFlowRequest(id=flow_id(1), changes=writable))
    assert not members(flow)["read_only"]


async def test_properties_of_a_source_are_changed_together(service: Service) -> None:
    await service("PutFlow", put_flow(1))
    changes = [
        PropertyChange(member="label", value=b'"new"'),
        PropertyChange(tag="a", value=b'"1"'),
    ]
    for _ in range(2):
        request = UpdateSourceRequest(id=source_id(1), changes=changes)
        source = await service("UpdateSource", request)
        assert members(source).items() >= {"label": "new", "tags": {"a": "1"}}.items()
    listed = await service("ListSources", ListSourcesRequest(label="new", tags={"a": "1"}))
    assert [members(listed_source)["id"] for listed_source in listed.sources] == [source_id(1)]
    assert await service("GetSource", GetSourceRequest(id=source_id(1))) == source


async def test_a_deleted_flow_and_its_source_are_not_found(service: Service) -> None:
    await service("PutFlow", put_flow(1))
    await service("CreateSegments", create(1, new_segment(0, 10)))
    reply = await service("DeleteFlow", DeleteFlowRequest(id=flow_id(1)))
    assert not reply.HasField("deletion_request")
    for method, request in (
        ("GetFlow", get_flow(1)),
        ("GetSource", GetSourceRequest(id=source_id(1))),
        ("DeleteFlow", DeleteFlowRequest(id=flow_id(1))),
    ):
        with pytest.raises(NotFound):
            await service(method, request)
