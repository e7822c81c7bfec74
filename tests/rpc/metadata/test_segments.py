import json
from typing import Any

import pytest
from tams.metadata.v1.segment_pb2 import ExternalUrl, NewSegment
from tams.metadata.v1.segment_service_pb2 import BatchCreateSegmentsRequest, ListSegmentsRequest
from tams.type.v1.timerange_pb2 import TimeRange

from services.shared.rpc.segment_urls import as_lines
from tests.rpc.metadata.conftest import Service
from tests.support.flows import flow_id
from tests.support.messages import OUTSIDE, create, deletion, listing, new_segment, put_flow, reserve
from tests.support.metadata import STORAGE

URLS = [ExternalUrl(url="https://a.example"), ExternalUrl(url="https://b.example", label="")]
INT64 = (-(2**63), 2**63 - 1)


@pytest.fixture
async def flows(service: Service) -> Service:
    await service("PutFlow", put_flow(1))
    await service("PutFlow", put_flow(2))
    return service


def documents(reply: Any) -> list[dict[str, Any]]:
    return [json.loads(one.document) for one in reply.segments]


def ranges(reply: Any) -> list[str]:
    return [one["timerange"] for one in documents(reply)]


async def test_create_and_list(flows: Service) -> None:
    await flows("ReserveObjects", reserve(1, "inside"))
    urls = [ExternalUrl(url="https://a.example"), ExternalUrl(url="https://b.example", label="")]
    full = new_segment(
        10,
        21,
        "out/side",
        inclusive=True,
        urls=urls,
        ts_offset_ns=-1_000_000_000,
        last_duration_ns=0,
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
    first, second = page.segments
    assert (first.storage_id, first.storage_path, list(first.external_urls)) == (STORAGE, "path/inside", [])
    assert (second.storage_id, second.storage_path) == ("", "")
    assert [one.url for one in second.external_urls] == ["https://a.example", "https://b.example"]
    assert (page.page_size, page.next_page_token) == (100, "")
    assert page.timerange == TimeRange(start_ns=0, end_ns=21, end_inclusive=True)


@pytest.fixture
async def mixed(flows: Service) -> Service:
    """One segment outside the store between two inside."""
    await flows("ReserveObjects", reserve(1, "a", "c"))
    added = [
        new_segment(0, 1, "a", urls=[]),
        new_segment(1, 2, "b", urls=URLS),
        new_segment(2, 3, "c", urls=[]),
    ]
    await flows("CreateSegments", create(1, *added))
    return flows


async def test_lines_hold_what_segments_do(mixed: Service) -> None:
    rows = await mixed("ListSegments", listing())
    page = await mixed("ListSegments", listing(lines=True))
    assert len(rows.segments) == 3
    assert not page.segments
    assert page.lines == as_lines(rows.segments)
    assert [(one.index, list(one.urls)) for one in page.lines.external_urls] == [(1, URLS)]
    assert page.lines.storage_ids == [STORAGE, "", STORAGE]
    page.ClearField("lines")
    rows.ClearField("segments")
    assert page == rows


async def test_columns_hold_what_segments_do(mixed: Service) -> None:
    rows = await mixed("ListSegments", listing())
    columns = (await mixed("ListSegments", listing(columns=True))).columns
    assert list(columns.documents) == [one.document for one in rows.segments]
    assert list(columns.storage_ids) == [one.storage_id for one in rows.segments]
    assert list(columns.storage_paths) == [one.storage_path for one in rows.segments]
    assert [(one.index, list(one.urls)) for one in columns.external_urls] == [(1, URLS)]


async def test_a_backend_that_holds_all_is_named_once(flows: Service) -> None:
    await flows("ReserveObjects", reserve(1, "a", "b"))
    await flows("CreateSegments", create(1, new_segment(0, 1, "a"), new_segment(1, 2, "b")))
    columns = (await flows("ListSegments", listing(columns=True))).columns
    assert list(columns.storage_paths) == ["path/a", "path/b"]
    assert columns.storage_ids == [STORAGE]
    lines = (await flows("ListSegments", listing(lines=True))).lines
    assert lines.url_paths == b"path/a\npath/b\n"
    assert lines.storage_ids == [STORAGE]


async def test_an_unknown_flow_has_none(flows: Service) -> None:
    assert (await flows("ListSegments", listing(9, columns=True))).HasField("columns")
    assert (await flows("ListSegments", listing(9, lines=True))).HasField("lines")
    page = await flows("ListSegments", listing(9))
    assert (len(page.segments), page.timerange) == (0, TimeRange(start_ns=0, end_ns=0))


@pytest.mark.parametrize(
    ("segment", "reason", "path"),
    [
        (new_segment(None, None), "BAD_SEGMENT", "$.timerange"),
        (new_segment(0, None), "BAD_SEGMENT", "$.timerange"),
        (new_segment(None, 0), "BAD_SEGMENT", "$.timerange"),
        (new_segment(5, 5), "BAD_SEGMENT", "$.timerange"),
        (new_segment(*reversed(INT64)), "BAD_SEGMENT", "$.timerange"),
        (NewSegment(object_id="o", external_urls=OUTSIDE), "BAD_SEGMENT", "$.timerange"),
        (new_segment(0, 1, ""), "BAD_SEGMENT", "$.object_id"),
        (new_segment(0, 1, "x" * 1025), "BAD_SEGMENT", "$.object_id"),
        (new_segment(0, 1, last_duration_ns=-1), "BAD_SEGMENT", "$.last_duration"),
        (new_segment(0, 1, sample_offset=INT64[0]), "BAD_SEGMENT", "$.sample_offset"),
        (new_segment(0, 1, sample_count=-1), "BAD_SEGMENT", "$.sample_count"),
        (new_segment(0, 1, key_frame_count=-1), "BAD_SEGMENT", "$.key_frame_count"),
        (new_segment(105, 106), "SEGMENT_OVERLAP", "$.timerange"),
        (new_segment(*INT64), "SEGMENT_OVERLAP", "$.timerange"),
        (new_segment(0, 1, "new", urls=[]), "UNKNOWN_OBJECT", "$.object_id"),
        (new_segment(0, 1, "other's", urls=[]), "FOREIGN_OBJECT", "$.object_id"),
    ],
)
async def test_a_segment_that_fails(flows: Service, segment: NewSegment, reason: str, path: str) -> None:
    await flows("ReserveObjects", reserve(2, "other's"))
    await flows("CreateSegments", create(1, new_segment(100, 110)))
    reply = await flows("CreateSegments", create(1, new_segment(50, 60), segment, new_segment(60, 70)))
    (failed,) = reply.failures
    assert (failed.index, failed.failure.reason, failed.failure.metadata["path"]) == (1, reason, path)
    assert failed.failure.code == 3
    assert failed.failure.summary
    assert ranges(await flows("ListSegments", listing())) == ["[0:50_0:60)", "[0:60_0:70)", "[0:100_0:110)"]


async def test_the_ends_of_time(flows: Service) -> None:
    edges = [new_segment(INT64[0], INT64[0] + 1), new_segment(INT64[1] - 1, INT64[1], ts_offset_ns=INT64[0])]
    assert list((await flows("CreateSegments", create(1, *edges))).failures) == []
    for reverse in (False, True):
        first = await flows("ListSegments", listing(page_size=1, reverse=reverse))
        token = first.next_page_token
        second = await flows("ListSegments", listing(page_size=1, reverse=reverse, page_token=token))
        assert second.next_page_token == ""
        assert ranges(first) != ranges(second)
    assert (await flows("DeleteSegments", deletion())).deleted == 2


async def test_many_registrations(flows: Service) -> None:
    overlapping = create(1, new_segment(5, 15), new_segment(10, 20))
    requests = [create(1, new_segment(0, 10)), create(9, new_segment(0, 1)), overlapping, create(2)]
    reply = await flows("BatchCreateSegments", BatchCreateSegmentsRequest(requests=requests))
    first, second, third, fourth = reply.results
    assert list(first.response.failures) == list(fourth.response.failures) == []
    assert (second.failure.code, second.failure.reason) == (5, "FLOW_NOT_FOUND")
    assert [(one.index, one.failure.reason) for one in third.response.failures] == [(0, "SEGMENT_OVERLAP")]
    assert len((await flows("BatchCreateSegments", BatchCreateSegmentsRequest())).results) == 0


@pytest.mark.parametrize(
    ("asked", "expected"),
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
async def test_which_segments_are_listed(flows: Service, asked: dict[str, Any], expected: list[int]) -> None:
    segments = [new_segment(start, start + 10, name) for start, name in ((0, "a"), (10, "b"), (20, "a"))]
    await flows("CreateSegments", create(1, *segments))
    page = await flows("ListSegments", listing(**asked))
    assert ranges(page) == [f"[0:{start}_0:{start + 10})" for start in expected]
    if expected:
        spanned = TimeRange(start_ns=min(expected), end_ns=max(expected) + 10)
        assert page.timerange == spanned


@pytest.mark.parametrize("reverse", [False, True])
async def test_walks(flows: Service, *, reverse: bool) -> None:
    await flows("CreateSegments", create(1, *(new_segment(t, t + 1) for t in range(25))))
    found, token, pages = [], "", 0
    for _ in range(50):
        page = await flows("ListSegments", listing(page_size=10, page_token=token, reverse=reverse))
        found += ranges(page)
        token, pages = page.next_page_token, pages + 1
        if not token:
            break
    assert pages == 3
    assert found == ranges(await flows("ListSegments", listing(page_size=1000, reverse=reverse)))
    assert len(found) == 25


@pytest.mark.parametrize(("asked", "size"), [(0, 100), (-1, 100), (1, 1), (1000, 1000), (2**31 - 1, 1000)])
async def test_page_sizes(flows: Service, asked: int, size: int) -> None:
    assert (await flows("ListSegments", listing(page_size=asked))).page_size == size


async def test_delete(flows: Service) -> None:
    await flows("CreateSegments", create(1, *(new_segment(t, t + 10, f"{t}") for t in range(0, 50, 10))))
    reply = await flows("DeleteSegments", deletion(timerange=TimeRange(start_ns=5, end_ns=31)))
    assert (reply.deleted, reply.timerange) == (2, TimeRange(start_ns=10, end_ns=30))
    for _ in range(2):
        again = await flows("DeleteSegments", deletion(timerange=TimeRange(start_ns=5, end_ns=31)))
        assert (again.deleted, again.timerange) == (0, TimeRange(start_ns=0, end_ns=0))
    assert (await flows("DeleteSegments", deletion(object_id="40"))).deleted == 1
    assert (await flows("DeleteSegments", deletion())).deleted == 2
    assert ranges(await flows("ListSegments", ListSegmentsRequest(flow_id=flow_id(1)))) == []


async def test_deleting_many(flows: Service) -> None:
    await flows("CreateSegments", create(1, *(new_segment(t, t + 1) for t in range(3500))))
    reply = await flows("DeleteSegments", deletion(timerange=TimeRange(start_ns=1)))
    assert not reply.HasField("deletion_request")
    assert ranges(await flows("ListSegments", listing())) == ["[0:0_0:1)"]
