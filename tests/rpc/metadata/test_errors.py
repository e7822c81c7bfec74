"""Each error that the contract documents can be reached, and says what the contract says."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tams.metadata.v1.deletion_service_pb2 import GetDeletionRequestRequest
from tams.metadata.v1.flow_service_pb2 import (
    BatchGetFlowsRequest,
    DeleteFlowRequest,
    ListFlowsRequest,
    PutFlowRequest,
    UpdateFlowRequest,
)
from tams.metadata.v1.object_pb2 import ObjectLocation
from tams.metadata.v1.object_service_pb2 import (
    ClaimObjectsRequest,
    ForgetObjectsRequest,
    GetObjectRequest,
    ObjectSize,
    RecordObjectSizesRequest,
    ReserveObjectsRequest,
)
from tams.metadata.v1.property_pb2 import PropertyChange
from tams.metadata.v1.segment_pb2 import NewSegmentColumns
from tams.metadata.v1.segment_service_pb2 import (
    BatchCreateSegmentsRequest,
    CreateSegmentsRequest,
    DeleteSegmentsRequest,
    ListSegmentsRequest,
)
from tams.metadata.v1.source_service_pb2 import GetSourceRequest, ListSourcesRequest, UpdateSourceRequest

from services.shared.errors import TamsError
from services.shared.rpc.status import code_of
from tests.rpc.metadata.conftest import SERVICES, Service
from tests.support.flows import a_flow, encoded, flow_id, source_id
from tests.support.messages import create, deletion, get_flow, new_segment, put_flow, reserve

PROTOS = Path(__file__).parents[3] / "protos" / "tams" / "metadata" / "v1"
MISSING, READ_ONLY, WITHOUT_CONTAINER = 9, 2, 3
MALFORMED = "not-an-id"


def change(**changed: Any) -> PropertyChange:
    return PropertyChange(**changed)


def update(number: int = 1, *changes: PropertyChange) -> UpdateFlowRequest:
    return UpdateFlowRequest(id=flow_id(number), changes=changes)


def update_source(*changes: PropertyChange, number: int = 1) -> UpdateSourceRequest:
    return UpdateSourceRequest(id=source_id(number), changes=changes)


def put_collecting(*members: int) -> PutFlowRequest:
    return put_flow(4, "multi", flow_collection=[{"id": flow_id(one), "role": "r"} for one in members])


def sizes(count: int, size: int) -> RecordObjectSizesRequest:
    return RecordObjectSizesRequest(objects=[ObjectSize(object_id=f"{n}", size=size) for n in range(count)])


MANY = [new_segment(t, t + 1) for t in range(10_001)]
FLOW_NOT_FOUND, FLOW_READ_ONLY = "NOT_FOUND FLOW_NOT_FOUND", "PERMISSION_DENIED FLOW_READ_ONLY"
NO_CONTAINER, SOURCE_NOT_FOUND = "FAILED_PRECONDITION NO_CONTAINER", "NOT_FOUND SOURCE_NOT_FOUND"
BAD_COLUMNS = "INVALID_ARGUMENT BAD_COLUMNS"
UNEVEN = CreateSegmentsRequest(flow_id=flow_id(1), columns=NewSegmentColumns(object_ids=["o"]))
TOO_MANY, BAD_TOKEN = "INVALID_ARGUMENT TOO_MANY_ITEMS", "INVALID_ARGUMENT BAD_PAGE_TOKEN"
BAD_FLOW, BAD_COLLECTION = "INVALID_ARGUMENT BAD_FLOW", "INVALID_ARGUMENT BAD_COLLECTION"
BAD_PROPERTY, TAG_NOT_FOUND = "INVALID_ARGUMENT BAD_PROPERTY", "NOT_FOUND TAG_NOT_FOUND"
CONFLICT, EXISTS = "INVALID_ARGUMENT FORMAT_CONFLICT", "ALREADY_EXISTS OBJECT_EXISTS"
BAD_OBJECT, BAD_SIZE = "INVALID_ARGUMENT BAD_OBJECT", "INVALID_ARGUMENT BAD_SIZE"

CASES: list[tuple[str, Any, str]] = [
    ("GetSource", GetSourceRequest(id=source_id(MISSING)), SOURCE_NOT_FOUND),
    ("GetSource", GetSourceRequest(id=MALFORMED), SOURCE_NOT_FOUND),
    ("GetSource", GetSourceRequest(), SOURCE_NOT_FOUND),
    ("ListSources", ListSourcesRequest(page_token="x"), BAD_TOKEN),
    ("ListSources", ListSourcesRequest(page_token="%%"), BAD_TOKEN),
    ("ListSources", ListSourcesRequest(page_token="a" * 100_000), BAD_TOKEN),
    ("UpdateSource", update_source(number=MISSING), SOURCE_NOT_FOUND),
    ("UpdateSource", UpdateSourceRequest(id=MALFORMED), SOURCE_NOT_FOUND),
    ("UpdateSource", update_source(change(tag="x")), TAG_NOT_FOUND),
    ("UpdateSource", update_source(change(member="label", value=b"5")), BAD_PROPERTY),
    ("UpdateSource", update_source(change(member="read_only", value=b"true")), BAD_PROPERTY),
    ("UpdateSource", update_source(change(member="id", value=b'"x"')), BAD_PROPERTY),
    ("UpdateSource", update_source(change(tag="x", value=b"null")), BAD_PROPERTY),
    ("UpdateSource", update_source(change(tag="x", value=b"")), BAD_PROPERTY),
    ("UpdateSource", update_source(change(value=b'""')), BAD_PROPERTY),
    ("UpdateSource", update_source(*[change(member="label")] * 1001), TOO_MANY),
    ("GetFlow", get_flow(MISSING), FLOW_NOT_FOUND),
    ("BatchGetFlows", BatchGetFlowsRequest(requests=[get_flow()] * 257), TOO_MANY),
    ("ListFlows", ListFlowsRequest(page_token="x"), BAD_TOKEN),
    ("PutFlow", PutFlowRequest(id=flow_id(1), document=b"{"), BAD_FLOW),
    ("PutFlow", PutFlowRequest(id=flow_id(1)), BAD_FLOW),
    ("PutFlow", put_flow(1, label=5), BAD_FLOW),
    ("PutFlow", put_collecting(MISSING), BAD_COLLECTION),
    ("PutFlow", put_collecting(1, 4), BAD_COLLECTION),
    ("PutFlow", put_flow(1, "audio"), CONFLICT),
    ("PutFlow", put_flow(4, "audio", source=1), CONFLICT),
    ("PutFlow", PutFlowRequest(id=flow_id(4), document=encoded(a_flow(5))), FLOW_NOT_FOUND),
    ("PutFlow", PutFlowRequest(id=MALFORMED, document=encoded(a_flow(4))), FLOW_NOT_FOUND),
    ("PutFlow", put_flow(READ_ONLY), FLOW_READ_ONLY),
    ("UpdateFlow", update(MISSING), FLOW_NOT_FOUND),
    ("UpdateFlow", update(1, change(tag="x")), TAG_NOT_FOUND),
    ("UpdateFlow", update(1, change(member="max_bit_rate", value=b"-1")), BAD_PROPERTY),
    ("UpdateFlow", update(1, change(member="codec", value=b'"a/b"')), BAD_PROPERTY),
    (
        "UpdateFlow",
        update(1, change(member="flow_collection", value=b'[{"id":"x","role":"r"}]')),
        BAD_PROPERTY,
    ),
    ("UpdateFlow", update(1, change(member="flow_collection", value=b"[" * 100_000)), BAD_PROPERTY),
    (
        "UpdateFlow",
        update(1, change(member="flow_collection", value=encoded([{"id": flow_id(MISSING), "role": "r"}]))),
        BAD_COLLECTION,
    ),
    ("UpdateFlow", update(READ_ONLY, change(member="label", value=b'"x"')), FLOW_READ_ONLY),
    ("UpdateFlow", update(1, *[change(member="label")] * 1001), TOO_MANY),
    ("DeleteFlow", DeleteFlowRequest(id=flow_id(MISSING)), FLOW_NOT_FOUND),
    ("DeleteFlow", DeleteFlowRequest(id=MALFORMED), FLOW_NOT_FOUND),
    ("DeleteFlow", DeleteFlowRequest(id=flow_id(READ_ONLY)), FLOW_READ_ONLY),
    ("ListSegments", ListSegmentsRequest(flow_id=MALFORMED), FLOW_NOT_FOUND),
    ("ListSegments", ListSegmentsRequest(flow_id=flow_id(1), page_token="x"), BAD_TOKEN),
    ("CreateSegments", create(MISSING, new_segment(0, 1)), FLOW_NOT_FOUND),
    ("CreateSegments", CreateSegmentsRequest(flow_id=MALFORMED), FLOW_NOT_FOUND),
    ("CreateSegments", create(READ_ONLY, new_segment(0, 1)), FLOW_READ_ONLY),
    ("CreateSegments", create(WITHOUT_CONTAINER, new_segment(0, 1)), NO_CONTAINER),
    ("CreateSegments", create(1, *MANY), TOO_MANY),
    ("BatchCreateSegments", BatchCreateSegmentsRequest(requests=[create(1)] * 257), TOO_MANY),
    ("BatchCreateSegments", BatchCreateSegmentsRequest(requests=[create(1, *MANY)]), TOO_MANY),
    ("CreateSegments", UNEVEN, BAD_COLUMNS),
    ("BatchCreateSegments", BatchCreateSegmentsRequest(requests=[create(1), UNEVEN]), BAD_COLUMNS),
    ("DeleteSegments", deletion(MISSING), FLOW_NOT_FOUND),
    ("DeleteSegments", DeleteSegmentsRequest(flow_id=MALFORMED), FLOW_NOT_FOUND),
    ("DeleteSegments", deletion(READ_ONLY), FLOW_READ_ONLY),
    ("GetObject", GetObjectRequest(id="nobody's"), "NOT_FOUND OBJECT_NOT_FOUND"),
    ("GetObject", GetObjectRequest(), "NOT_FOUND OBJECT_NOT_FOUND"),
    ("GetObject", GetObjectRequest(id="o", page_token="x"), BAD_TOKEN),
    ("ReserveObjects", reserve(MISSING, "new"), FLOW_NOT_FOUND),
    ("ReserveObjects", ReserveObjectsRequest(flow_id=MALFORMED), FLOW_NOT_FOUND),
    ("ReserveObjects", reserve(READ_ONLY, "new"), FLOW_READ_ONLY),
    ("ReserveObjects", reserve(WITHOUT_CONTAINER, "new"), NO_CONTAINER),
    ("ReserveObjects", reserve(1, "new", "o"), EXISTS),
    ("ReserveObjects", reserve(1, "new", "new"), EXISTS),
    ("ReserveObjects", reserve(1, "new", ""), BAD_OBJECT),
    (
        "ReserveObjects",
        ReserveObjectsRequest(flow_id=flow_id(1), objects=[ObjectLocation(object_id="new")]),
        BAD_OBJECT,
    ),
    ("ReserveObjects", reserve(1, *map(str, range(1001))), TOO_MANY),
    ("RecordObjectSizes", sizes(1001, 1), TOO_MANY),
    ("RecordObjectSizes", sizes(1, -1), BAD_SIZE),
    ("ClaimObjects", ClaimObjectsRequest(unreferenced_seconds=-1), "INVALID_ARGUMENT BAD_AGE"),
    ("ClaimObjects", ClaimObjectsRequest(unregistered_seconds=10**10 + 1), "INVALID_ARGUMENT BAD_AGE"),
    ("ForgetObjects", ForgetObjectsRequest(object_ids=map(str, range(1001))), TOO_MANY),
    (
        "GetDeletionRequest",
        GetDeletionRequestRequest(id=flow_id(1)),
        "NOT_FOUND DELETION_REQUEST_NOT_FOUND",
    ),
]


@pytest.fixture
async def filled(service: Service) -> Service:
    await service("PutFlow", put_flow(1))
    await service("PutFlow", put_flow(READ_ONLY, read_only=True))
    await service("PutFlow", put_flow(WITHOUT_CONTAINER, "multi", container=None))
    await service("CreateSegments", create(1, new_segment(0, 10)))
    return service


async def contents(service: Service) -> list[bytes]:
    flows = await service("ListFlows", ListFlowsRequest())
    sources = await service("ListSources", ListSourcesRequest())
    segments = await service("ListSegments", ListSegmentsRequest(flow_id=flow_id(1)))
    return [flow.document for flow in flows.flows] + [
        one.document for one in (*sources.sources, *segments.segments)
    ]


async def test_every_error_is_the_documented_one_and_changes_nothing(filled: Service) -> None:
    before = await contents(filled)
    for method, request, expected in CASES:
        with pytest.raises(TamsError) as caught:
            await filled(method, request)
        error = caught.value
        assert f"{code_of(error).name} {error.reason}" == expected, (method, error.summary)
        assert 0 < len(error.summary) < 500, (method, error.summary)
    assert await contents(filled) == before
    with pytest.raises(TamsError):
        await filled("GetObject", GetObjectRequest(id="new"))


def documented() -> Iterator[tuple[str, str]]:
    """The method and error of every line "- CODE REASON: why" above an rpc."""
    for path in PROTOS.glob("*_service.proto"):
        lines: list[str] = []
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip().startswith("//"):
                lines.append(line)
            elif match := re.match(r"\s*rpc (\w+)\(", line):
                comment = "\n".join(lines).partition("Failures of single")[0]
                yield from ((match[1], error) for error in re.findall(r"// - ([A-Z_]+ [A-Z_]+):", comment))
            else:
                lines = []


def test_every_documented_error_is_reached() -> None:
    methods = {method.name for descriptor, _ in SERVICES.values() for method in descriptor.methods}
    wanted = {(method, error) for method, error in documented() if method in methods}
    assert len(wanted) > 30
    assert wanted == {(method, expected) for method, _, expected in CASES}
