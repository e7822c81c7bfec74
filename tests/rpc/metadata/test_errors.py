"""Each error that the contract documents occurs, with the documented code and reason."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tams.metadata.v1.deletion_request_service_pb2 import GetDeletionRequestRequest
from tams.metadata.v1.flow_service_pb2 import (
    BatchGetFlowsRequest,
    DeleteFlowRequest,
    ListFlowsRequest,
    PutFlowRequest,
    UpdateFlowRequest,
)
from tams.metadata.v1.object_copy_service_pb2 import (
    BeginObjectCopiesRequest,
    ClaimObjectCopiesRequest,
    FinishObjectCopiesRequest,
    ForgetObjectCopiesRequest,
    ListObjectCopiesRequest,
    RenewObjectCopiesRequest,
    RetireObjectCopyRequest,
)
from tams.metadata.v1.object_pb2 import ObjectLocation
from tams.metadata.v1.object_service_pb2 import (
    AddObjectAccessesRequest,
    BatchReserveObjectsRequest,
    ClaimObjectsRequest,
    DeleteObjectRequest,
    FindObjectsByPlaceRequest,
    ForgetObjectsRequest,
    GetObjectRequest,
    GetUploadTargetRequest,
    ListObjectPlacesRequest,
    ListUnusedObjectsRequest,
    LocateObjectsRequest,
    ObjectSize,
    PlaceAccess,
    RecordObjectSizesRequest,
    RegisterStorageBackendsRequest,
    ReserveObjectsRequest,
    StorageBackendLabel,
)
from tams.metadata.v1.property_pb2 import PropertyChange
from tams.metadata.v1.segment_pb2 import NewSegments
from tams.metadata.v1.segment_service_pb2 import (
    BatchCreateSegmentsRequest,
    CreateSegmentsRequest,
    DeleteSegmentsRequest,
    ListSegmentsRequest,
)
from tams.metadata.v1.source_service_pb2 import (
    DeleteSourceRequest,
    GetSourceRequest,
    ListSourcesRequest,
    UpdateSourceRequest,
)
from tams.metadata.v1.text_digest_pb2 import TextDigest
from tams.metadata.v1.trash_pb2 import DeleteOptions
from tams.metadata.v1.trash_service_pb2 import (
    ListTrashRequest,
    PurgeEntryRequest,
    RestoreEntryRequest,
    RestoreFlowRequest,
    RestoreSourceRequest,
)

from services.metadata.adapters.sqlite.deletion_requests import SqliteDeletions
from services.metadata.domain.deletion_request import Deletion, Status
from services.shared.errors import TamsError
from services.shared.rpc.status import code_of
from services.shared.timerange import ETERNITY, TimeRange
from tests.rpc.metadata.conftest import SERVICES, Service
from tests.support.metadata.flows import a_flow, encoded, flow_id, source_id
from tests.support.metadata.rules import STORAGE
from tests.support.rpc.messages import create, deletion, get_flow, new_segment, put_flow, reserve

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
    return put_flow(4, "multi", flow_collection=[{"id": flow_id(member), "role": "r"} for member in members])


def sizes(count: int, size: int) -> RecordObjectSizesRequest:
    return RecordObjectSizesRequest(objects=[ObjectSize(object_id=f"{n}", size=size) for n in range(count)])


def accesses(count: int, urls: int) -> AddObjectAccessesRequest:
    place = PlaceAccess(storage_id=STORAGE, storage_path="path/o", urls=urls)
    return AddObjectAccessesRequest(places=[place] * count)


def reserve_at(path: str, storage_id: str = STORAGE) -> ReserveObjectsRequest:
    location = ObjectLocation(object_id="new", storage_id=storage_id, storage_path=path)
    return ReserveObjectsRequest(flow_id=flow_id(1), objects=[location])


def backends(*labelled: tuple[str, str]) -> RegisterStorageBackendsRequest:
    return RegisterStorageBackendsRequest(
        backends=[StorageBackendLabel(id=backend_id, label=label) for backend_id, label in labelled]
    )


TAGS = {str(number): "" for number in range(101)}
LARGE = encoded("x" * 1024 * 1024)
DEEP = b'[{"id":"%b","role":"r","note":%b}]' % (flow_id(2).encode(), b"[" * 64 + b"]" * 64)
MANY = [new_segment(t, t + 1) for t in range(10_001)]
FLOW_NOT_FOUND, FLOW_READ_ONLY = "NOT_FOUND FLOW_NOT_FOUND", "PERMISSION_DENIED FLOW_READ_ONLY"
NO_CONTAINER, SOURCE_NOT_FOUND = "FAILED_PRECONDITION NO_CONTAINER", "NOT_FOUND SOURCE_NOT_FOUND"
BAD_NAME, NOT_IN_TRASH = "INVALID_ARGUMENT BAD_NAME", "NOT_FOUND NOT_IN_TRASH"
UNPRINTABLE = DeleteOptions(deleted_by="\n")
BAD_COLUMNS = "INVALID_ARGUMENT BAD_COLUMNS"
UNEVEN = CreateSegmentsRequest(flow_id=flow_id(1), segments=NewSegments(object_ids=["o"]))
TOO_MANY, BAD_TOKEN = "INVALID_ARGUMENT TOO_MANY_ITEMS", "INVALID_ARGUMENT BAD_PAGE_TOKEN"
BAD_DIGEST = "INVALID_ARGUMENT BAD_TEXT_DIGEST"
BAD_FLOW, BAD_COLLECTION = "INVALID_ARGUMENT BAD_FLOW", "INVALID_ARGUMENT BAD_COLLECTION"
BAD_PROPERTY, TAG_NOT_FOUND = "INVALID_ARGUMENT BAD_PROPERTY", "NOT_FOUND TAG_NOT_FOUND"
TOO_MANY_TAGS, TAG_TOO_LONG = "INVALID_ARGUMENT TOO_MANY_TAGS", "INVALID_ARGUMENT TAG_TOO_LONG"
BAD_CLASSES = "INVALID_ARGUMENT BAD_CLASSES"
BAD_LOOP = "INVALID_ARGUMENT BAD_LOOP_DURATION"
TAGS = {f"{number}": "v" for number in range(1001)}
DIGEST = TextDigest(sha256=bytes(32))
DIGESTS = {f"{number}": DIGEST for number in range(101)}
LONG = change(tag="x" * 1025, value=b'"v"')
MIB = 1024 * 1024
CONFLICT, EXISTS = "INVALID_ARGUMENT FORMAT_CONFLICT", "ALREADY_EXISTS OBJECT_EXISTS"
BAD_BACKEND, TOO_LARGE = "INVALID_ARGUMENT BAD_STORAGE_BACKEND", "INVALID_ARGUMENT DOCUMENT_TOO_LARGE"
BAD_OBJECT, BAD_SIZE = "INVALID_ARGUMENT BAD_OBJECT", "INVALID_ARGUMENT BAD_SIZE"

CASES: list[tuple[str, Any, str]] = [
    ("GetSource", GetSourceRequest(id=source_id(MISSING)), SOURCE_NOT_FOUND),
    ("GetSource", GetSourceRequest(id=MALFORMED), SOURCE_NOT_FOUND),
    ("GetSource", GetSourceRequest(), SOURCE_NOT_FOUND),
    ("ListSources", ListSourcesRequest(page_token="x"), BAD_TOKEN),
    ("ListSources", ListSourcesRequest(page_token="%%"), BAD_TOKEN),
    ("ListSources", ListSourcesRequest(page_token="a" * 100_000), BAD_TOKEN),
    ("ListSources", ListSourcesRequest(label_digest=TextDigest(sha256=b"short")), BAD_DIGEST),
    ("ListFlows", ListFlowsRequest(tag_digests={"a": TextDigest()}), BAD_DIGEST),
    ("ListSources", ListSourcesRequest(tags=TAGS), TOO_MANY),
    ("ListSources", ListSourcesRequest(tag_digests=DIGESTS), TOO_MANY),
    ("ListFlows", ListFlowsRequest(tag_digests=DIGESTS, tag_exists={"x": True}), TOO_MANY),
    ("UpdateSource", update_source(change(member="label", value=LARGE)), TOO_LARGE),
    ("UpdateSource", update_source(number=MISSING), SOURCE_NOT_FOUND),
    ("UpdateSource", update_source(change(tag="auth_classes", value=b'"*"')), BAD_CLASSES),
    ("UpdateSource", UpdateSourceRequest(id=MALFORMED), SOURCE_NOT_FOUND),
    ("UpdateSource", update_source(change(tag="x")), TAG_NOT_FOUND),
    ("UpdateSource", update_source(change(member="label", value=b"5")), BAD_PROPERTY),
    ("UpdateSource", update_source(change(member="read_only", value=b"true")), BAD_PROPERTY),
    ("UpdateSource", update_source(change(member="id", value=b'"x"')), BAD_PROPERTY),
    ("UpdateSource", update_source(change(tag="x", value=b"null")), BAD_PROPERTY),
    ("UpdateSource", update_source(change(tag="x", value=b"")), BAD_PROPERTY),
    ("UpdateSource", update_source(change(value=b'""')), BAD_PROPERTY),
    ("UpdateSource", update_source(*[change(member="label")] * 1001), TOO_MANY),
    ("UpdateSource", update_source(change(member="tags", value=encoded(TAGS))), TOO_MANY_TAGS),
    ("UpdateSource", update_source(LONG), TAG_TOO_LONG),
    ("UpdateSource", update_source(change(member="label", value=b"[" * (MIB + 1))), TOO_LARGE),
    ("UpdateSource", update_source(*[change(tag="x", value=b"[" * MIB)] * 2), TOO_LARGE),
    ("GetFlow", get_flow(MISSING), FLOW_NOT_FOUND),
    ("BatchGetFlows", BatchGetFlowsRequest(requests=[get_flow()] * 257), TOO_MANY),
    ("ListFlows", ListFlowsRequest(page_token="x"), BAD_TOKEN),
    ("ListFlows", ListFlowsRequest(tags=TAGS), TOO_MANY),
    ("PutFlow", put_flow(1, label="x" * 1024 * 1024), TOO_LARGE),
    ("PutFlow", PutFlowRequest(id=flow_id(1), document=b"{"), BAD_FLOW),
    ("PutFlow", PutFlowRequest(id=flow_id(1)), BAD_FLOW),
    ("PutFlow", put_flow(1, label=5), BAD_FLOW),
    ("PutFlow", PutFlowRequest(id=flow_id(1), document=b"[" * (MIB + 1)), TOO_LARGE),
    ("PutFlow", put_flow(1, x=[[]] * 50_001), TOO_LARGE),
    ("PutFlow", put_collecting(MISSING), BAD_COLLECTION),
    ("PutFlow", put_collecting(1, 4), BAD_COLLECTION),
    ("PutFlow", put_flow(1, tags=TAGS), TOO_MANY_TAGS),
    ("PutFlow", put_flow(1, tags={"x": "v" * 102_401}), TAG_TOO_LONG),
    ("PutFlow", put_flow(1, tags={"loop_recorder_duration": "PT24H"}), BAD_LOOP),
    ("PutFlow", put_flow(1, tags={"auth_classes": "news sport"}), BAD_CLASSES),
    ("PutFlow", put_flow(1, "audio"), CONFLICT),
    ("PutFlow", put_flow(4, "audio", source=1), CONFLICT),
    ("PutFlow", PutFlowRequest(id=flow_id(4), document=encoded(a_flow(5))), FLOW_NOT_FOUND),
    ("PutFlow", PutFlowRequest(id=MALFORMED, document=encoded(a_flow(4))), FLOW_NOT_FOUND),
    ("PutFlow", put_flow(READ_ONLY), FLOW_READ_ONLY),
    ("UpdateFlow", update(1, change(member="label", value=LARGE)), TOO_LARGE),
    ("UpdateFlow", update(MISSING), FLOW_NOT_FOUND),
    ("UpdateFlow", update(1, change(tag="x")), TAG_NOT_FOUND),
    ("UpdateFlow", update(1, change(member="max_bit_rate", value=b"-1")), BAD_PROPERTY),
    ("UpdateFlow", update(1, change(member="label", value=b"[" * (MIB + 1))), TOO_LARGE),
    ("UpdateFlow", update(1, *[change(tag="x", value=b"[" * MIB)] * 2), TOO_LARGE),
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
    ("UpdateFlow", update(1, change(member="tags", value=encoded(TAGS))), TOO_MANY_TAGS),
    ("UpdateFlow", update(1, change(member="flow_collection", value=DEEP)), BAD_FLOW),
    ("UpdateFlow", update(1, LONG), TAG_TOO_LONG),
    ("UpdateFlow", update(1, change(tag="loop_recorder_duration", value=b'"0"')), BAD_LOOP),
    ("UpdateFlow", update(1, change(tag="auth_classes", value=b'"*"')), BAD_CLASSES),
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
    ("GetUploadTarget", GetUploadTargetRequest(object_id="nobody's"), "NOT_FOUND OBJECT_NOT_FOUND"),
    ("GetUploadTarget", GetUploadTargetRequest(object_id="o"), "NOT_FOUND OBJECT_NOT_FOUND"),
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
    ("BatchReserveObjects", BatchReserveObjectsRequest(requests=[reserve(1)] * 257), TOO_MANY),
    (
        "BatchReserveObjects",
        BatchReserveObjectsRequest(requests=[reserve(1, *map(str, range(1000))), reserve(1, "x")]),
        TOO_MANY,
    ),
    ("ReserveObjects", reserve_at("../../etc/x"), BAD_OBJECT),
    ("ReserveObjects", reserve_at("x", storage_id="x"), BAD_OBJECT),
    ("ReserveObjects", reserve_at("x", storage_id=flow_id(1)), "INVALID_ARGUMENT UNKNOWN_STORAGE"),
    ("RegisterStorageBackends", backends((MALFORMED, "l")), BAD_BACKEND),
    ("RegisterStorageBackends", backends((STORAGE, "")), BAD_BACKEND),
    ("RegisterStorageBackends", backends((STORAGE, "l"), (STORAGE, "m")), BAD_BACKEND),
    ("RegisterStorageBackends", backends(*[(STORAGE, "l")] * 1001), TOO_MANY),
    ("RecordObjectSizes", sizes(1001, 1), TOO_MANY),
    ("RecordObjectSizes", sizes(1, 2**63 - 1), BAD_SIZE),
    ("RecordObjectSizes", sizes(1, -1), BAD_SIZE),
    (
        "RecordObjectSizes",
        RecordObjectSizesRequest(objects=[ObjectSize(object_id="o", size=1, etag='"0f"')]),
        "INVALID_ARGUMENT BAD_ETAG",
    ),
    ("AddObjectAccesses", accesses(1, 0), "INVALID_ARGUMENT BAD_COUNT"),
    ("AddObjectAccesses", accesses(1001, 1), TOO_MANY),
    ("ListObjectPlaces", ListObjectPlacesRequest(page_token="x"), BAD_TOKEN),
    ("FindObjectsByPlace", FindObjectsByPlaceRequest(storage_paths=["p"] * 1001), TOO_MANY),
    ("FindObjectsByPlace", FindObjectsByPlaceRequest(storage_ids=[STORAGE] * 101), TOO_MANY),
    ("ListUnusedObjects", ListUnusedObjectsRequest(unreferenced_seconds=-1), "INVALID_ARGUMENT BAD_AGE"),
    ("ListUnusedObjects", ListUnusedObjectsRequest(unregistered_seconds=0, page_token="x"), BAD_TOKEN),
    ("ClaimObjects", ClaimObjectsRequest(unreferenced_seconds=-1), "INVALID_ARGUMENT BAD_AGE"),
    ("ClaimObjects", ClaimObjectsRequest(unregistered_seconds=10**10 + 1), "INVALID_ARGUMENT BAD_AGE"),
    ("LocateObjects", LocateObjectsRequest(object_ids=map(str, range(1001))), TOO_MANY),
    ("ListObjectCopies", ListObjectCopiesRequest(object_id="nobody's"), "NOT_FOUND OBJECT_NOT_FOUND"),
    ("RetireObjectCopy", RetireObjectCopyRequest(object_id="nobody's"), "NOT_FOUND OBJECT_NOT_FOUND"),
    ("RetireObjectCopy", RetireObjectCopyRequest(object_id="o"), "NOT_FOUND COPY_NOT_FOUND"),
    ("BeginObjectCopies", BeginObjectCopiesRequest(copies=[ObjectLocation()] * 1001), TOO_MANY),
    ("RenewObjectCopies", RenewObjectCopiesRequest(copies=[ObjectLocation()] * 1001), TOO_MANY),
    ("FinishObjectCopies", FinishObjectCopiesRequest(copies=[ObjectLocation()] * 1001), TOO_MANY),
    ("ForgetObjectCopies", ForgetObjectCopiesRequest(copies=[ObjectLocation()] * 1001), TOO_MANY),
    ("ClaimObjectCopies", ClaimObjectCopiesRequest(retired_seconds=-1), "INVALID_ARGUMENT BAD_AGE"),
    ("ForgetObjects", ForgetObjectsRequest(object_ids=map(str, range(1001))), TOO_MANY),
    (
        "GetDeletionRequest",
        GetDeletionRequestRequest(id=flow_id(1)),
        "NOT_FOUND DELETION_REQUEST_NOT_FOUND",
    ),
    ("DeleteFlow", DeleteFlowRequest(id=flow_id(1), options=UNPRINTABLE), BAD_NAME),
    ("DeleteSegments", DeleteSegmentsRequest(flow_id=flow_id(1), options=UNPRINTABLE), BAD_NAME),
    ("DeleteSource", DeleteSourceRequest(id=source_id(1), cascade=True, options=UNPRINTABLE), BAD_NAME),
    ("DeleteSource", DeleteSourceRequest(id=source_id(1)), "FAILED_PRECONDITION SOURCE_HAS_FLOWS"),
    ("DeleteSource", DeleteSourceRequest(id=source_id(MISSING), cascade=True), SOURCE_NOT_FOUND),
    ("DeleteSource", DeleteSourceRequest(id=source_id(READ_ONLY), cascade=True), FLOW_READ_ONLY),
    ("DeleteObject", DeleteObjectRequest(id="o", options=UNPRINTABLE), BAD_NAME),
    ("DeleteObject", DeleteObjectRequest(id="nobody's"), "NOT_FOUND OBJECT_NOT_FOUND"),
    ("ListTrash", ListTrashRequest(page_token="x"), BAD_TOKEN),
    ("RestoreFlow", RestoreFlowRequest(id=flow_id(1)), NOT_IN_TRASH),
    ("RestoreFlow", RestoreFlowRequest(id=MALFORMED), NOT_IN_TRASH),
    ("RestoreSource", RestoreSourceRequest(id=source_id(1)), NOT_IN_TRASH),
    ("RestoreEntry", RestoreEntryRequest(id=MALFORMED), NOT_IN_TRASH),
    ("PurgeEntry", PurgeEntryRequest(id=MALFORMED), NOT_IN_TRASH),
]
# Errors that need something in the trash, a scope, a class, or another call at the same time. The tests of
# the trash and of access control reach them.
_RESTORING = {
    "FAILED_PRECONDITION FLOW_EXISTS", "FAILED_PRECONDITION FORMAT_CONFLICT",
    "FAILED_PRECONDITION MEMBER_IN_TRASH", "FAILED_PRECONDITION PURGE_BEGUN", "ABORTED TRASH_BUSY",
}  # fmt: skip
ELSEWHERE = {
    *(("RestoreFlow", error) for error in _RESTORING),
    ("RestoreSource", "ABORTED TRASH_BUSY"),
    ("RestoreEntry", "ABORTED TRASH_BUSY"),
    ("RestoreEntry", FLOW_NOT_FOUND),
    ("RestoreEntry", FLOW_READ_ONLY),
    ("RestoreEntry", "FAILED_PRECONDITION FLOW_REPLACED"),
    # An object cannot be allocated for such a flow; see test_objects.
    *(("GetUploadTarget", error) for error in (FLOW_NOT_FOUND, FLOW_READ_ONLY, NO_CONTAINER)),
    ("GetUploadTarget", "FAILED_PRECONDITION OBJECT_REGISTERED"),
    # The contract tests of copies reach these.
    ("RetireObjectCopy", "FAILED_PRECONDITION LAST_COPY"),
    ("RetireObjectCopy", "FAILED_PRECONDITION TOO_MANY_SEGMENTS"),
    ("RestoreEntry", "FAILED_PRECONDITION SEGMENT_OVERLAP"),
    ("PurgeEntry", "ABORTED TRASH_BUSY"),
    ("DeleteObject", FLOW_NOT_FOUND),
    ("DeleteObject", FLOW_READ_ONLY),
    ("DeleteObject", "RESOURCE_EXHAUSTED TOO_MANY_DELETIONS"),
    *((f"{verb}Flow", "PERMISSION_DENIED MISSING_SCOPE") for verb in ("Put", "Update")),
    *(
        (method, "PERMISSION_DENIED OUTSIDE_CLASSES")
        for method in (
            "PutFlow",
            "UpdateFlow",
            "UpdateSource",
            "DeleteSource",
            "DeleteObject",
            "RestoreFlow",
            "RestoreSource",
            "RestoreEntry",
        )
    ),
    *(
        (f"Delete{what}", "PERMISSION_DENIED MISSING_SCOPE")
        for what in ("Flow", "Segments", "Source", "Object")
    ),
}
WHILE_DELETING = {
    ("CreateSegments", "ABORTED RANGE_BEING_DELETED"),
    ("DeleteSegments", "RESOURCE_EXHAUSTED TOO_MANY_DELETIONS"),
}


@pytest.fixture
async def filled_service(service: Service) -> Service:
    await service("PutFlow", put_flow(1))
    await service("PutFlow", put_flow(READ_ONLY, read_only=True))
    await service("PutFlow", put_flow(WITHOUT_CONTAINER, "multi", container=None))
    await service("CreateSegments", create(1, new_segment(0, 10)))
    await service("RegisterStorageBackends", backends((STORAGE, "local")))
    return service


async def contents(service: Service) -> list[bytes]:
    flows = await service("ListFlows", ListFlowsRequest())
    sources = await service("ListSources", ListSourcesRequest())
    segments = await service("ListSegments", ListSegmentsRequest(flow_id=flow_id(1)))
    return [
        *(resource.document for resource in (*flows.flows, *sources.sources)),
        segments.segments.documents,
    ]


async def test_each_refused_request_has_the_documented_error_and_changes_nothing(
    filled_service: Service,
) -> None:
    before = await contents(filled_service)
    for method, request, expected in CASES:
        with pytest.raises(TamsError) as caught:
            await filled_service(method, request)
        error = caught.value
        assert f"{code_of(error).name} {error.reason}" == expected, (method, error.summary)
        assert 0 < len(error.summary) < 500, (method, error.summary)
    assert await contents(filled_service) == before
    with pytest.raises(TamsError):
        await filled_service("GetObject", GetObjectRequest(id="new"))


async def test_deletions_under_way_refuse_segments_in_their_range_and_too_many_deletions(
    filled_service: Service, tmp_path: Path
) -> None:
    old = [new_segment(10 * index, 10 * index + 5) for index in range(1, 1001)]
    assert list((await filled_service("CreateSegments", create(1, *old))).failures) == []
    with closing(sqlite3.connect(tmp_path / "tables.db", isolation_level=None)) as connection:
        (timeline,) = connection.execute("SELECT row FROM flows WHERE id = ?", (flow_id(1),)).fetchone()
        spared = tuple((start, start + 1) for start in range(20_000, 22_000, 2))
        under_way = Deletion(
            id="0", flow_id=flow_id(1), timeline=timeline, requested=ETERNITY,
            remaining=TimeRange(15_000, 40_000), object_id=None, delete_flow=False,
            status=Status.STARTED, created_ms=0, updated_ms=0, spared=spared,
        )  # fmt: skip
        connection.execute("BEGIN IMMEDIATE")
        for number in range(64):
            SqliteDeletions(connection).put(msgspec.structs.replace(under_way, id=f"{number}"))
        connection.execute("UPDATE deletion_requests SET lease_owner = 'other', lease_until_ms = 1 << 60")
        connection.execute("COMMIT")
    before = await contents(filled_service)
    for method, request in (
        ("CreateSegments", create(1, new_segment(30_000, 30_001))),
        ("DeleteSegments", deletion(1)),
    ):
        with pytest.raises(TamsError) as caught:
            await filled_service(method, request)
        assert (method, f"{code_of(caught.value).name} {caught.value.reason}") in WHILE_DELETING
    assert await contents(filled_service) == before
    for start in (19_999, 10_006, 50_000):
        reply = await filled_service("CreateSegments", create(1, new_segment(start, start + 1)))
        assert list(reply.failures) == []


def documented_errors() -> Iterator[tuple[str, str]]:
    """The method and error of each line "- CODE REASON: why" above an rpc."""
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


def test_every_documented_error_has_a_case() -> None:
    methods = {method.name for descriptor, _ in SERVICES.values() for method in descriptor.methods}
    documented = {(method, error) for method, error in documented_errors() if method in methods}
    assert len(documented) > 30
    assert documented == {(method, expected) for method, _, expected in CASES} | WHILE_DELETING | ELSEWHERE
