from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from tams.metadata.v1 import deletion_request_pb2
from tams.metadata.v1.segment_pb2 import ExternalUrl, NewSegments
from tams.type.v1.failure_pb2 import Failure
from tams.type.v1.timerange_pb2 import TimeRange as RangeMessage

from gateway.codecs import deletion_request, filters, flow, source, storage
from gateway.codecs.administration import administration, load
from gateway.codecs.segments import segment
from gateway.codecs.segments.new_segments import new_segments
from gateway.http.query import Query
from services.segment_documents.url_filter import UrlFilter
from services.shared.errors import InvalidArgument
from services.shared.timerange import MAX_NS, MIN_NS, TimeRange, format_timestamp
from tests.support.services.gateway import a_segment, new_id

FLOW = new_id()
timestamps = st.integers(MIN_NS + 1, MAX_NS - 2000)


def message_of(body: bytes) -> NewSegments:
    return new_segments(segment.decode_post(body))


@given(timestamps, timestamps, st.booleans(), st.integers(-(2**63), 2**63 - 1))
def test_times_and_counts_stay_exact(start: int, offset: int, inclusive: bool, count: int) -> None:
    end = start + 1000
    body = {
        "object_id": "o",
        "timerange": str(TimeRange(start, end, inclusive)),
        "ts_offset": format_timestamp(offset),
        "last_duration": "0:40",
        "sample_offset": count,
    }
    message = message_of(msgspec.json.encode(body))
    assert (list(message.starts_ns), list(message.ends_ns)) == ([start], [end])
    assert any(message.ends_inclusive) == inclusive
    assert list(message.ts_offsets_ns) == ([offset] if offset else [])
    assert list(message.last_durations_ns) == [40]
    assert list(message.sample_offsets) == [max(count, -2)] or count == -1
    assert not message.sample_counts
    assert not message.key_frame_counts


def test_members_that_a_segment_omits_are_not_sent() -> None:
    message = message_of(b'{"object_id":"o","timerange":"[0:0]"}')
    set_fields = [field.name for field, _ in message.ListFields()]
    assert set_fields == ["object_ids", "starts_ns", "ends_ns", "ends_inclusive"]


def test_counts_of_zero_are_sent() -> None:
    message = message_of(msgspec.json.encode(a_segment(sample_count=0, key_frame_count=0)))
    assert (list(message.sample_counts), list(message.key_frame_counts)) == ([0], [0])


def test_urls_are_sent_with_and_without_label() -> None:
    urls = [{"url": "https://a", "label": "x"}, {"url": "https://b"}]
    (external,) = message_of(msgspec.json.encode(a_segment(get_urls=urls))).external_urls
    assert external.index == 0
    assert list(external.urls) == [
        ExternalUrl(url="https://a", label="x"),
        ExternalUrl(url="https://b"),
    ]


@pytest.mark.parametrize(
    ("timerange", "is_exclusive"),
    [
        ("(0:0_1:0)", True),
        ("(0:0_", True),
        ("(_1:0)", False),
        ("()", False),
        ("[0:0_1:0)", False),
        ("0:0_1:0", False),
    ],
)
def test_an_exclusive_start_is_sent(timerange: str, is_exclusive: bool) -> None:
    message = message_of(msgspec.json.encode(a_segment(timerange=timerange)))
    assert any(timerange.start_exclusive for timerange in message.other_ranges) == is_exclusive


def test_unknown_members_are_sent() -> None:
    plain, extended = a_segment(), a_segment(init_object_id="i", x={"y": [1.50, None]})
    assert not message_of(msgspec.json.encode(plain)).extra_members
    for body, index in ((extended, 0), ([plain, extended, plain], 1)):
        (extra,) = message_of(msgspec.json.encode(body)).extra_members
        assert extra.index == index
        assert msgspec.json.decode(extra.members) == {"init_object_id": "i", "x": {"y": [1.5, None]}}


def test_unknown_members_of_a_posted_url_are_refused() -> None:
    urls = [{"url": "https://a"}, {"url": "https://b", "presigned": True}]
    with pytest.raises(InvalidArgument, match="presigned") as caught:
        segment.decode_post(msgspec.json.encode([a_segment(), a_segment(get_urls=urls)]))
    assert caught.value.metadata["path"] == "$[1].get_urls[1]"


@pytest.mark.parametrize(
    ("body", "limit", "ids"),
    [
        (b"", None, None),
        (b" \n", None, None),
        (b"{}", None, None),
        (b'{"limit":0}', 0, None),
        (b'{"limit":5000}', 1000, None),
        (b'{"limit":-9999999999}', -1, None),
        (b'{"object_ids":[]}', None, []),
        (b'{"object_ids":["b","a"]}', None, ["b", "a"]),
    ],
)
def test_an_allocation_distinguishes_absent_from_empty(
    body: bytes, limit: int | None, ids: list[str] | None
) -> None:
    message = storage.allocate_request(FLOW, body)
    assert (message.limit if message.HasField("limit") else None) == limit
    assert (list(message.object_ids.ids) if message.HasField("object_ids") else None) == ids
    assert not message.HasField("storage_id")


@pytest.mark.parametrize("text", [FLOW + "\n", FLOW.upper(), "x"])
def test_a_malformed_storage_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        storage.allocate_request(FLOW, msgspec.json.encode({"storage_id": text}))
    assert caught.value.metadata["path"] == "$.storage_id"


def test_a_list_without_a_query_has_no_filter() -> None:
    assert flow.list_request(Query("")).ListFields() == []
    assert source.list_request(Query("")).ListFields() == []


def test_a_timerange_is_sent_only_with_include_timerange() -> None:
    assert not flow.get_request(FLOW, Query("timerange=[0:0_1:0)")).HasField("timerange")
    assert flow.get_request(FLOW, Query("include_timerange=true&timerange=_")).HasField("timerange")
    with pytest.raises(InvalidArgument):
        flow.get_request(FLOW, Query("timerange=x"))


def test_a_query_has_url_filters() -> None:
    assert filters.url_filter(Query("")) == UrlFilter()
    query = Query(f"accept_get_urls=a,b&accept_storage_ids={FLOW}&presigned=false&verbose_storage=true")
    assert filters.url_filter(query) == UrlFilter(
        labels=frozenset({"a", "b"}), storage_ids=frozenset({FLOW}), presigned=False, verbose=True
    )
    assert filters.url_filter(Query("accept_get_urls=")).passes_nothing
    assert filters.url_filter(Query("accept_storage_ids=")) == UrlFilter()


def test_a_failed_deletion_has_its_error() -> None:
    message = deletion_request_pb2.DeletionRequest(
        id="d",
        flow_id=FLOW,
        timerange_remaining=RangeMessage(start_ns=0),
        delete_flow=True,
        status=deletion_request_pb2.DELETION_STATUS_ERROR,
        updated=Timestamp(seconds=1),
        error=Failure(code=14, reason="UNAVAILABLE", summary="the disk is full"),
    )
    assert msgspec.json.decode(deletion_request.document(message)) == {
        "id": "d",
        "flow_id": FLOW,
        "timerange_to_delete": "_",
        "timerange_remaining": "[0:0_",
        "delete_flow": True,
        "status": "error",
        "updated": "1970-01-01T00:00:01Z",
        "error": {"type": "UNAVAILABLE", "summary": "the disk is full", "time": "1970-01-01T00:00:01Z"},
    }


def test_each_status_of_a_deletion_has_a_name() -> None:
    known = set(deletion_request_pb2.DeletionStatus.values()) - {
        deletion_request_pb2.DELETION_STATUS_UNSPECIFIED
    }
    assert set(deletion_request.STATUSES) == known


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (load.start_request, {"id": FLOW, "kind": "flows"}),
        (load.check_end, {"state": "done"}),
        (lambda body: administration.add_column_request("t", body), {"name": "a", "type": "string"}),
        (lambda body: administration.rename_column_request("t", "c", body), {"name": "a"}),
        (
            lambda body: administration.create_projection_request("t", body),
            {"name": "a", "sorted_by": ["b"]},
        ),
        (administration.reset_request, {"confirm": "a"}),
        (administration.repair_request, {"confirm": "a"}),
    ],
)
def test_administration_refuses_unknown_members(
    read: Callable[[bytes], object], body: dict[str, Any]
) -> None:
    read(msgspec.json.encode(body))
    with pytest.raises(InvalidArgument, match="x_unknown"):
        read(msgspec.json.encode(body | {"x_unknown": 1}))
