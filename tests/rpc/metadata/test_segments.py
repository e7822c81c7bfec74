import json
from typing import Any

import pytest
from tams.metadata.v1.segment_pb2 import ExternalUrl
from tams.metadata.v1.segment_service_pb2 import BatchCreateSegmentsRequest, ListSegmentsRequest
from tams.type.v1.timerange_pb2 import TimeRange

from services.metadata.domain.segments.segment import Segment
from services.shared.errors import TamsError
from tests.rpc.metadata.conftest import Service
from tests.support.metadata.flows import flow_id
from tests.support.metadata.rules import STORAGE
from tests.support.rpc.messages import create, deletion, listing, new_segment, put_flow, reserve
from tests.support.rpc.segment_lines import listed

URLS = [ExternalUrl(url="https://a.example"), ExternalUrl(url="https://b.example", label="b")]
INT64 = (-(2**63), 2**63 - 1)


@pytest.fixture
async def flows(service: Service) -> Service:
    """A client of a service with two flows."""
    await service("PutFlow", put_flow(1))
    await service("PutFlow", put_flow(2))
    return service


def documents(reply: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in reply.segments.documents.splitlines()]


def ranges(reply: Any) -> list[str]:
    return [document["timerange"] for document in documents(reply)]


async def test_a_segment_is_registered_and_listed_with_all_its_members(flows: Service) -> None:
    await flows("ReserveObjects", reserve(1, "inside"))
    urls = [ExternalUrl(url="https://a.example"), ExternalUrl(url="https://b.example", label="b")]
    full = new_segment(
        10,
        21,
        "out/side",
        inclusive=True,
        urls=urls,
        ts_offset=-1_000_000_000,
        last_duration=0,
        sample_offset=0,
        sample_count=5,
        key_frame_count=1,
    )
    reply = await flows("CreateSegments", create(1, full, new_segment(0, 10, "inside", urls=[])))
    assert list(reply.failures) == []
    page = await flows("ListSegments", listing())
    assert documents(page) == [
        {"object_id": "inside", "timerange": "[0:0_0:10)", "ts_offset": "0:0"},
        {
            "object_id": "out/side",
            "timerange": "[0:10_0:20]",
            "ts_offset": "-1:0",
            "last_duration": "0:0",
            "sample_offset": 0,
            "sample_count": 5,
            "key_frame_count": 1,
        },
    ]
    first, second = listed(page.segments)
    assert first[1:4] == (STORAGE, "path/inside", [])
    assert second[1:4] == ("", "", urls)
    assert (page.page_size, page.next_page_token) == (100, "")
    assert page.timerange == TimeRange(start_ns=0, end_ns=21, end_inclusive=True)


@pytest.fixture
async def mixed(flows: Service) -> Service:
    """A client of a service whose first flow has a segment outside the store between two inside."""
    await flows("ReserveObjects", reserve(1, "a", "c"))
    new = [
        new_segment(0, 1, "a", urls=[]),
        new_segment(1, 2, "b", urls=URLS),
        new_segment(2, 3, "c", urls=[]),
    ]
    await flows("CreateSegments", create(1, *new))
    return flows


async def test_segments_inside_and_outside_the_store_are_listed_in_order(mixed: Service) -> None:
    segments = listed((await mixed("ListSegments", listing())).segments)
    assert [segment.path for segment in segments] == ["path/a", "", "path/c"]
    assert [segment.storage_id for segment in segments] == [STORAGE, "", STORAGE]
    assert [segment.external_urls for segment in segments] == [[], URLS, []]
    backwards = listed((await mixed("ListSegments", listing(reverse=True))).segments)
    assert backwards == segments[::-1]


async def test_a_backend_that_holds_all_objects_is_named_once(flows: Service) -> None:
    await flows("ReserveObjects", reserve(1, "a", "b"))
    await flows("CreateSegments", create(1, new_segment(0, 1, "a"), new_segment(1, 2, "b")))
    # Segments without external URLs are read from the tables by other code.
    await flows("ReserveObjects", reserve(2, "c", "d"))
    await flows("CreateSegments", create(2, new_segment(0, 1, "c", urls=[]), new_segment(1, 2, "d", urls=[])))
    for number, paths in ((1, b"path/a\npath/b\n"), (2, b"path/c\npath/d\n")):
        segments = (await flows("ListSegments", listing(number))).segments
        assert (segments.url_paths, list(segments.storage_ids)) == (paths, [STORAGE])


async def test_an_unknown_flow_has_no_segments(flows: Service) -> None:
    page = await flows("ListSegments", listing(9))
    assert (listed(page.segments), page.timerange) == ([], TimeRange(start_ns=0, end_ns=0))


@pytest.mark.parametrize(
    ("segment", "reason", "path"),
    [
        (new_segment(None, None), "BAD_SEGMENT", "$.timerange"),
        (new_segment(0, None), "BAD_SEGMENT", "$.timerange"),
        (new_segment(None, 0), "BAD_SEGMENT", "$.timerange"),
        (new_segment(5, 5), "BAD_SEGMENT", "$.timerange"),
        (new_segment(INT64[1], INT64[0]), "BAD_SEGMENT", "$.timerange"),
        (new_segment(0, 1, start_exclusive=True), "BAD_SEGMENT", "$.timerange"),
        (new_segment(0, 1, extra=b"[]"), "BAD_SEGMENT", "$"),
        (new_segment(0, 1, urls=[ExternalUrl(url="https://a.example")] * 101), "BAD_SEGMENT", "$.get_urls"),
        (new_segment(0, 1, urls=[ExternalUrl(url="https://" + "a" * 8192)]), "BAD_URL", "$.get_urls[0].url"),
        (new_segment(0, 1, ""), "BAD_SEGMENT", "$.object_id"),
        (new_segment(0, 1, "x" * 1025), "BAD_SEGMENT", "$.object_id"),
        (new_segment(0, 1, last_duration=-1), "BAD_SEGMENT", "$.last_duration"),
        (new_segment(0, 1, sample_offset=INT64[0]), "BAD_SEGMENT", "$.sample_offset"),
        (new_segment(0, 1, sample_count=-1), "BAD_SEGMENT", "$.sample_count"),
        (new_segment(0, 1, key_frame_count=-1), "BAD_SEGMENT", "$.key_frame_count"),
        (new_segment(105, 106), "SEGMENT_OVERLAP", "$.timerange"),
        (new_segment(*INT64), "SEGMENT_OVERLAP", "$.timerange"),
        (new_segment(0, 1, "new", urls=[]), "UNKNOWN_OBJECT", "$.object_id"),
        (new_segment(0, 1, "other's", urls=[]), "FOREIGN_OBJECT", "$.object_id"),
    ],
)
async def test_an_invalid_segment_fails_alone_with_its_reason(
    flows: Service, segment: Segment[str], reason: str, path: str
) -> None:
    await flows("ReserveObjects", reserve(2, "other's"))
    await flows("CreateSegments", create(1, new_segment(100, 110)))
    reply = await flows("CreateSegments", create(1, new_segment(50, 60), segment, new_segment(60, 70)))
    (failed,) = reply.failures
    assert (failed.index, failed.failure.reason, failed.failure.metadata["path"]) == (1, reason, path)
    assert failed.failure.code == 3
    assert failed.failure.summary
    assert ranges(await flows("ListSegments", listing())) == ["[0:50_0:60)", "[0:60_0:70)", "[0:100_0:110)"]


async def test_segments_at_both_ends_of_time_are_listed_and_deleted(flows: Service) -> None:
    edges = [new_segment(INT64[0], INT64[0] + 1), new_segment(INT64[1] - 1, INT64[1], ts_offset=INT64[0])]
    assert list((await flows("CreateSegments", create(1, *edges))).failures) == []
    for reverse in (False, True):
        first = await flows("ListSegments", listing(page_size=1, reverse=reverse))
        token = first.next_page_token
        second = await flows("ListSegments", listing(page_size=1, reverse=reverse, page_token=token))
        assert second.next_page_token == ""
        assert ranges(first) != ranges(second)
    assert (await flows("DeleteSegments", deletion())).deleted == 2


async def test_a_batch_of_registrations_has_a_result_for_each(flows: Service) -> None:
    overlapping = create(1, new_segment(5, 15), new_segment(10, 20))
    requests = [create(1, new_segment(0, 10)), create(9, new_segment(0, 1)), overlapping, create(2)]
    reply = await flows("BatchCreateSegments", BatchCreateSegmentsRequest(requests=requests))
    first, second, third, fourth = reply.results
    assert list(first.response.failures) == list(fourth.response.failures) == []
    assert (second.failure.code, second.failure.reason) == (5, "FLOW_NOT_FOUND")
    assert [(segment.index, segment.failure.reason) for segment in third.response.failures] == [
        (0, "SEGMENT_OVERLAP")
    ]
    assert len((await flows("BatchCreateSegments", BatchCreateSegmentsRequest())).results) == 0


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"timerange": TimeRange(start_ns=5, end_ns=15)}, [0, 10]),
        ({"timerange": TimeRange(start_ns=10, end_ns=10)}, []),
        ({"timerange": TimeRange(start_ns=15)}, [10, 20]),
        ({"timerange": TimeRange()}, [0, 10, 20]),
        ({"timerange": TimeRange(start_ns=INT64[0], end_ns=INT64[1])}, [0, 10, 20]),
        ({"object_id": "b"}, [10]),
        ({"object_id": ""}, []),
        ({"reverse": True}, [20, 10, 0]),
        ({"reverse": True, "timerange": TimeRange(end_ns=11)}, [10, 0]),
    ],
)
async def test_the_list_applies_each_filter(
    flows: Service, filters: dict[str, Any], expected: list[int]
) -> None:
    segments = [new_segment(start, start + 10, name) for start, name in ((0, "a"), (10, "b"), (20, "a"))]
    await flows("CreateSegments", create(1, *segments))
    page = await flows("ListSegments", listing(**filters))
    assert ranges(page) == [f"[0:{start}_0:{start + 10})" for start in expected]
    if expected:
        spanned = TimeRange(start_ns=min(expected), end_ns=max(expected) + 10)
        assert page.timerange == spanned


@pytest.mark.parametrize("reverse", [False, True])
async def test_pages_lead_through_all_segments(flows: Service, *, reverse: bool) -> None:
    await flows("CreateSegments", create(1, *(new_segment(t, t + 1) for t in range(25))))
    timeranges, token, pages = [], "", 0
    for _ in range(50):
        page = await flows("ListSegments", listing(page_size=10, page_token=token, reverse=reverse))
        timeranges += ranges(page)
        token, pages = page.next_page_token, pages + 1
        if not token:
            break
    assert pages == 3
    assert timeranges == ranges(await flows("ListSegments", listing(page_size=1000, reverse=reverse)))
    assert len(timeranges) == 25


@pytest.mark.parametrize(
    ("requested", "size"), [(0, 100), (-1, 100), (1, 1), (1000, 1000), (2**31 - 1, 1000)]
)
async def test_the_page_size_has_a_default_and_a_maximum(flows: Service, requested: int, size: int) -> None:
    assert (await flows("ListSegments", listing(page_size=requested))).page_size == size


async def test_a_deletion_deletes_segments_within_a_range_or_of_an_object(flows: Service) -> None:
    await flows("CreateSegments", create(1, *(new_segment(t, t + 10, f"{t}") for t in range(0, 50, 10))))
    reply = await flows("DeleteSegments", deletion(timerange=TimeRange(start_ns=5, end_ns=31)))
    assert (reply.deleted, reply.timerange) == (2, TimeRange(start_ns=10, end_ns=30))
    for _ in range(2):
        again = await flows("DeleteSegments", deletion(timerange=TimeRange(start_ns=5, end_ns=31)))
        assert (again.deleted, again.timerange) == (0, TimeRange(start_ns=0, end_ns=0))
    assert (await flows("DeleteSegments", deletion(object_id="40"))).deleted == 1
    assert (await flows("DeleteSegments", deletion())).deleted == 2
    assert ranges(await flows("ListSegments", ListSegmentsRequest(flow_id=flow_id(1)))) == []


async def test_a_deletion_of_many_segments_ends_within_its_call(flows: Service) -> None:
    await flows("CreateSegments", create(1, *(new_segment(t, t + 1) for t in range(3500))))
    reply = await flows("DeleteSegments", deletion(timerange=TimeRange(start_ns=1)))
    assert not reply.HasField("deletion_request")
    assert ranges(await flows("ListSegments", listing())) == ["[0:0_0:1)"]


async def test_other_failures_take_precedence_over_a_missing_upload(flows: Service) -> None:
    await flows("PutFlow", put_flow(3, read_only=True))
    await flows("ReserveObjects", reserve(1, "a", "b"))
    await flows("ReserveObjects", reserve(2, "foreign"))
    await flows("CreateSegments", create(1, new_segment(0, 5, "out")))
    missing = ["a", "foreign", "nobody", "out", "elsewhere", "unused"]
    for number, reason in ((3, "FLOW_READ_ONLY"), (9, "FLOW_NOT_FOUND")):
        request = create(number, new_segment(0, 1, "a", urls=[]))
        request.missing_objects.extend(missing)
        with pytest.raises(TamsError) as raised:
            await flows("CreateSegments", request)
        assert raised.value.reason == reason
    segments = [
        new_segment(3, 6, "a", urls=[]),
        new_segment(6, 7, "a", urls=[], sample_count=-1),
        new_segment(6, 7, "foreign", urls=[]),
        new_segment(6, 7, "nobody", urls=[]),
        new_segment(6, 8, "a"),
        new_segment(6, 7, "b", urls=[]),
        new_segment(7, 8, "out", urls=[]),
        new_segment(8, 9, "elsewhere"),
    ]
    for request in (create(1, *segments[:1]), create(1, *segments)):
        request.missing_objects.extend(missing)
        reply = await flows("CreateSegments", request)
    expected = ["SEGMENT_OVERLAP", "BAD_SEGMENT", "FOREIGN_OBJECT", "UNKNOWN_OBJECT", "OBJECT_NOT_STORED"]
    assert [failed.failure.reason for failed in reply.failures] == expected
    assert [failed.index for failed in reply.failures] == list(range(5))
    assert ranges(await flows("ListSegments", listing())) == [
        "[0:0_0:5)",
        "[0:6_0:7)",
        "[0:7_0:8)",
        "[0:8_0:9)",
    ]
    # The refused object can be registered once it was uploaded.
    assert not (await flows("CreateSegments", create(1, new_segment(9, 10, "a", urls=[])))).failures


async def test_missing_objects_are_bounded_and_apply_to_their_own_request(flows: Service) -> None:
    await flows("ReserveObjects", reserve(1, "a"))
    incomplete, complete = (
        create(1, new_segment(0, 1, "a", urls=[])),
        create(1, new_segment(0, 1, "a", urls=[])),
    )
    incomplete.missing_objects.append("a")
    reply = await flows("BatchCreateSegments", BatchCreateSegmentsRequest(requests=[incomplete, complete]))
    first, second = (result.response.failures for result in reply.results)
    assert ([failure.failure.reason for failure in first], list(second)) == (["OBJECT_NOT_STORED"], [])
    incomplete.missing_objects.extend(map(str, range(10_000)))
    with pytest.raises(TamsError) as raised:
        await flows("CreateSegments", incomplete)
    assert raised.value.reason == "TOO_MANY_ITEMS"
