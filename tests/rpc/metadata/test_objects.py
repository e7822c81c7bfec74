import pytest
from tams.metadata.v1.flow_service_pb2 import DeleteFlowRequest
from tams.metadata.v1.object_pb2 import Object
from tams.metadata.v1.object_service_pb2 import (
    BatchReserveObjectsRequest,
    ClaimObjectsRequest,
    ForgetObjectsRequest,
    GetObjectRequest,
    GetUploadTargetRequest,
    GetUploadTargetResponse,
    ListUnmeasuredObjectsRequest,
    ListUnusedObjectsRequest,
    LocateObjectsRequest,
    ObjectSize,
    RecordObjectSizesRequest,
)
from tams.type.v1.unused_object_pb2 import UNUSED_CAUSE_UNREFERENCED, UNUSED_CAUSE_UNREGISTERED

from services.shared.errors import FailedPrecondition, InvalidArgument, NotFound
from tests.rpc.metadata.conftest import Service
from tests.support.metadata.flows import flow_id
from tests.support.metadata.rules import STORAGE
from tests.support.rpc.messages import create, deletion, new_segment, put_flow, reserve


@pytest.fixture
async def flows(service: Service) -> Service:
    """A client of a service with two flows."""
    await service("PutFlow", put_flow(1))
    await service("PutFlow", put_flow(2))
    return service


async def unmeasured(service: Service, size: int = 0) -> list[tuple[str, str, str]]:
    """The id, storage id and storage path of each object whose size is unknown."""
    reply = await service("ListUnmeasuredObjects", ListUnmeasuredObjectsRequest(page_size=size))
    return [(location.object_id, location.storage_id, location.storage_path) for location in reply.objects]


async def test_an_object_is_reserved_registered_measured_and_dereferenced(flows: Service) -> None:
    assert (await flows("ReserveObjects", reserve(1, "a/b"))).container == "video/mp2t"
    with pytest.raises(NotFound):
        await flows("GetObject", GetObjectRequest(id="a/b"))
    assert await unmeasured(flows) == []
    for number in (1, 2):
        await flows("CreateSegments", create(number, new_segment(0, 1, "a/b", urls=[])))
    found = await flows("GetObject", GetObjectRequest(id="a/b"))
    expected = Object(
        id="a/b",
        referenced_by_flows=[flow_id(1), flow_id(2)],
        first_referenced_by_flow=flow_id(1),
        storage_id=STORAGE,
        storage_path="path/a/b",
    )
    assert (found.object, found.next_page_token, found.page_size) == (expected, "", 1000)
    assert await unmeasured(flows) == [("a/b", STORAGE, "path/a/b")]
    measured = [ObjectSize(object_id="a/b", size=0), ObjectSize(object_id="unknown", size=2**47)]
    for _ in range(2):
        await flows("RecordObjectSizes", RecordObjectSizesRequest(objects=measured))
    assert await unmeasured(flows) == []
    found = await flows("GetObject", GetObjectRequest(id="a/b"))
    assert found.object.HasField("size")
    assert found.object.size == 0
    await flows("DeleteFlow", DeleteFlowRequest(id=flow_id(1)))
    found = await flows("GetObject", GetObjectRequest(id="a/b"))
    assert list(found.object.referenced_by_flows) == [flow_id(2)]
    await flows("DeleteSegments", deletion(2))
    with pytest.raises(NotFound):
        await flows("GetObject", GetObjectRequest(id="a/b"))


async def test_an_object_outside_the_store_has_no_location_and_no_size(flows: Service) -> None:
    await flows("CreateSegments", create(1, new_segment(0, 1, "out")))
    found = (await flows("GetObject", GetObjectRequest(id="out"))).object
    assert (found.storage_id, found.storage_path, found.HasField("size")) == ("", "", False)
    assert await unmeasured(flows) == []


async def test_an_object_without_bytes_is_not_measured_again_at_once(flows: Service) -> None:
    await flows("ReserveObjects", reserve(1, "a", "b"))
    segments = [new_segment(n, n + 1, name, urls=[]) for n, name in enumerate("ab")]
    await flows("CreateSegments", create(1, *segments))
    assert [object_id for object_id, _, _ in await unmeasured(flows)] == ["a", "b"]
    assert len(await unmeasured(flows, 1)) == 1
    for _ in range(8):
        missing = RecordObjectSizesRequest(objects=[ObjectSize(object_id="a")])
        await flows("RecordObjectSizes", missing)
    assert [object_id for object_id, _, _ in await unmeasured(flows)] == ["b"]


async def test_references_of_an_object_are_paged(flows: Service) -> None:
    for number in (1, 2):
        await flows("CreateSegments", create(number, new_segment(0, 1)))
    first = await flows("GetObject", GetObjectRequest(id="o", page_size=1))
    assert list(first.object.referenced_by_flows) == [flow_id(1)]
    request = GetObjectRequest(id="o", page_size=1, page_token=first.next_page_token)
    second = await flows("GetObject", request)
    assert list(second.object.referenced_by_flows) == [flow_id(2)]
    assert second.next_page_token == ""


async def test_unused_objects_are_claimed_and_forgotten(flows: Service) -> None:
    await flows("ReserveObjects", reserve(1, "never", "once"))
    await flows("CreateSegments", create(1, new_segment(0, 1, "once", urls=[])))
    await flows("DeleteSegments", deletion(1))

    async def claim(**ages: int) -> list[tuple[str, str, str]]:
        reply = await flows("ClaimObjects", ClaimObjectsRequest(**ages))
        return [
            (location.object_id, location.storage_id, location.storage_path) for location in reply.objects
        ]

    assert await claim() == []
    assert await claim(unreferenced_seconds=60, unregistered_seconds=60) == []
    assert await claim(unreferenced_seconds=0) == [("once", STORAGE, "path/once")]
    assert await claim(unregistered_seconds=0, page_size=5000) == [("never", STORAGE, "path/never")]
    reply = await flows("CreateSegments", create(1, new_segment(0, 1, "never", urls=[])))
    assert [segment.failure.reason for segment in reply.failures] == ["OBJECT_RECLAIMED"]
    for _ in range(2):
        await flows("ForgetObjects", ForgetObjectsRequest(object_ids=["once", "never"]))
    await flows("ReserveObjects", reserve(1, "never", "once"))


async def test_unused_objects_are_listed(flows: Service) -> None:
    await flows("ReserveObjects", reserve(1, "never", "once"))
    await flows("CreateSegments", create(1, new_segment(0, 1, "once", urls=[])))
    await flows("RecordObjectSizes", RecordObjectSizesRequest(objects=[ObjectSize(object_id="once", size=9)]))
    await flows("DeleteSegments", deletion(1))
    assert not (await flows("ListUnusedObjects", ListUnusedObjectsRequest())).unused_objects
    request = ListUnusedObjectsRequest(unreferenced_seconds=0, unregistered_seconds=0, page_size=1)
    for _ in range(2):
        request.page_token = ""
        reply = await flows("ListUnusedObjects", request)
        (once,) = reply.unused_objects
        request.page_token = reply.next_page_token
        (never,) = (await flows("ListUnusedObjects", request)).unused_objects
        assert (once.id, once.storage_id, once.storage_path) == ("once", STORAGE, "path/once")
        assert (once.size, once.cause) == (9, UNUSED_CAUSE_UNREFERENCED)
        assert (never.id, never.cause) == ("never", UNUSED_CAUSE_UNREGISTERED)
        assert not never.HasField("size")
        assert 0 < never.unused_since.ToNanoseconds() <= once.unused_since.ToNanoseconds()
    refused = {
        "BAD_AGE": ListUnusedObjectsRequest(unreferenced_seconds=-1),
        "BAD_PAGE_TOKEN": ListUnusedObjectsRequest(page_token="x"),
    }
    for reason, request in refused.items():
        with pytest.raises(InvalidArgument) as raised:
            await flows("ListUnusedObjects", request)
        assert raised.value.reason == reason


async def test_objects_inside_the_store_are_located(flows: Service) -> None:
    await flows("ReserveObjects", reserve(1, "a", "b"))
    await flows("CreateSegments", create(1, new_segment(0, 1, "out"), new_segment(1, 2, "b", urls=[])))
    await flows("RecordObjectSizes", RecordObjectSizesRequest(objects=[ObjectSize(object_id="b", size=0)]))
    request = LocateObjectsRequest(object_ids=["a", "out", "unknown", "b", "a"])
    found = {
        located.location.object_id: located for located in (await flows("LocateObjects", request)).objects
    }
    assert found.keys() == {"a", "b"}
    assert (found["a"].location.storage_id, found["a"].location.storage_path) == (STORAGE, "path/a")
    assert not found["a"].HasField("size")
    assert found["b"].HasField("size")
    with pytest.raises(InvalidArgument) as raised:
        await flows("LocateObjects", LocateObjectsRequest(object_ids=["a"] * 1001))
    assert raised.value.reason == "TOO_MANY_ITEMS"


async def target(service: Service, object_id: str) -> GetUploadTargetResponse:
    reply: GetUploadTargetResponse = await service(
        "GetUploadTarget", GetUploadTargetRequest(object_id=object_id)
    )
    return reply


async def test_only_an_allocated_object_can_be_uploaded(flows: Service) -> None:
    await flows("ReserveObjects", reserve(1, "a/b"))
    reply = await target(flows, "a/b")
    assert reply.container == "video/mp2t"
    assert (reply.location.storage_id, reply.location.storage_path) == (STORAGE, "path/a/b")
    await flows("CreateSegments", create(1, new_segment(0, 1, "a/b", urls=[])))
    for _ in range(2):
        with pytest.raises(FailedPrecondition) as raised:
            await target(flows, "a/b")
        assert raised.value.reason == "OBJECT_REGISTERED"
        await flows("DeleteSegments", deletion(1))


async def test_an_object_whose_flow_was_deleted_cannot_be_uploaded(flows: Service) -> None:
    await flows("ReserveObjects", reserve(1, "a"))
    await flows("DeleteFlow", DeleteFlowRequest(id=flow_id(1)))
    with pytest.raises(NotFound) as raised:
        await target(flows, "a")
    assert raised.value.reason == "FLOW_NOT_FOUND"


async def test_a_batch_of_reservations_has_a_result_for_each(flows: Service) -> None:
    requests = [reserve(1, "a"), reserve(9, "b"), reserve(2, "b", "a"), reserve(2, "b")]
    reply = await flows("BatchReserveObjects", BatchReserveObjectsRequest(requests=requests))
    first, second, third, fourth = reply.results
    assert first.response.container == fourth.response.container == "video/mp2t"
    assert (second.failure.code, second.failure.reason) == (5, "FLOW_NOT_FOUND")
    assert (third.failure.code, third.failure.reason) == (6, "OBJECT_EXISTS")
