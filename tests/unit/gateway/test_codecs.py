import msgspec
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from tams.metadata.v1 import deletion_request_pb2
from tams.metadata.v1.segment_pb2 import ExternalUrl
from tams.type.v1.failure_pb2 import Failure
from tams.type.v1.timerange_pb2 import TimeRange as RangeMessage

from gateway.codecs import deletion_request, filters, flow, segment, source, storage
from gateway.http.query import Query
from services.shared.errors import InvalidArgument
from services.shared.get_urls import UrlFilter
from services.shared.timerange import MAX_NS, MIN_NS, TimeRange, format_timestamp
from tests.support.gateway import a_segment, new_id

FLOW = new_id()
stamps = st.integers(MIN_NS + 1, MAX_NS - 2000)


@given(stamps, stamps, st.booleans(), st.integers(-(2**63), 2**63 - 1))
def test_times_and_counts_stay_exact(start, offset, inclusive, count):
    end = start + 1000
    body = {
        "object_id": "o",
        "timerange": str(TimeRange(start, end, inclusive)),
        "ts_offset": format_timestamp(offset),
        "last_duration": "0:40",
        "sample_offset": count,
    }
    message = segment.to_message(segment.decode_post(msgspec.json.encode(body)), "$")
    assert (message.timerange.start_ns, message.timerange.end_ns) == (start, end)
    assert message.timerange.end_inclusive == inclusive
    assert (message.ts_offset_ns, message.last_duration_ns, message.sample_offset) == (offset, 40, count)
    assert not message.HasField("sample_count")
    assert not message.HasField("key_frame_count")


def test_what_a_segment_leaves_out_has_its_default():
    message = segment.to_message(segment.decode_post(b'{"object_id":"o","timerange":"[0:0]"}'), "$")
    assert (message.ts_offset_ns, message.HasField("last_duration_ns")) == (0, False)
    assert list(message.external_urls) == []


def test_zero_is_not_absent():
    posted = segment.decode_post(msgspec.json.encode(a_segment(sample_count=0, key_frame_count=0)))
    message = segment.to_message(posted, "$")
    assert message.HasField("sample_count")
    assert message.HasField("key_frame_count")


def test_urls_go_along_with_and_without_label():
    urls = [{"url": "https://a", "label": "x", "presigned": True}, {"url": "https://b"}]
    message = segment.to_message(segment.decode_post(msgspec.json.encode(a_segment(get_urls=urls))), "$")
    assert list(message.external_urls) == [
        ExternalUrl(url="https://a", label="x"),
        ExternalUrl(url="https://b"),
    ]


@pytest.mark.parametrize(
    ("timerange", "at_fault"),
    [
        ("(0:0_1:0)", True),
        ("(0:0_", True),
        ("(_1:0)", False),
        ("()", False),
        ("[0:0_1:0)", False),
        ("0:0_1:0", False),
    ],
)
def test_an_exclusive_start_is_a_fault(timerange, at_fault):
    posted = segment.decode_post(msgspec.json.encode(a_segment(timerange=timerange)))
    fault = segment.fault(posted, ())
    assert (fault is not None) == at_fault
    assert fault is None or fault.metadata["path"] == "$.timerange"


def test_the_label_of_a_backend_is_a_fault():
    urls = [{"url": "https://a"}, {"url": "https://b", "label": "local"}]
    posted = segment.decode_post(msgspec.json.encode(a_segment(get_urls=urls)))
    assert segment.has_labels(posted)
    assert segment.fault(posted, {"other"}) is None
    assert segment.fault(posted, {"local"}).metadata["path"] == "$.get_urls[1].label"


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
def test_allocations_tell_none_from_empty(body, limit, ids):
    message = storage.allocate_request(FLOW, body)
    assert (message.limit if message.HasField("limit") else None) == limit
    assert (list(message.object_ids.ids) if message.HasField("object_ids") else None) == ids
    assert not message.HasField("storage_id")


@pytest.mark.parametrize("text", [FLOW + "\n", FLOW.upper(), "x"])
def test_a_malformed_storage_id_is_refused(text):
    with pytest.raises(InvalidArgument) as caught:
        storage.allocate_request(FLOW, msgspec.json.encode({"storage_id": text}))
    assert caught.value.metadata["path"] == "$.storage_id"


def test_a_flow_list_without_a_query_asks_for_everything():
    assert flow.list_request(Query("")).ListFields() == []
    assert source.list_request(Query("")).ListFields() == []


def test_a_range_counts_only_with_include_timerange():
    assert not flow.get_request(FLOW, Query("timerange=[0:0_1:0)")).HasField("timerange")
    assert flow.get_request(FLOW, Query("include_timerange=true&timerange=_")).HasField("timerange")
    with pytest.raises(InvalidArgument):
        flow.get_request(FLOW, Query("timerange=x"))


def test_url_filters_of_a_query():
    assert filters.url_filter(Query("")) == UrlFilter()
    query = Query(f"accept_get_urls=a,b&accept_storage_ids={FLOW}&presigned=false&verbose_storage=true")
    assert filters.url_filter(query) == UrlFilter(
        labels=frozenset({"a", "b"}), storage_ids=frozenset({FLOW}), presigned=False, verbose=True
    )
    assert filters.url_filter(Query("accept_get_urls=")).nothing
    assert filters.url_filter(Query("accept_storage_ids=")) == UrlFilter()


def test_a_deletion_that_failed_says_why():
    message = deletion_request_pb2.DeletionRequest(
        id="d",
        flow_id=FLOW,
        timerange_remaining=RangeMessage(start_ns=0),
        delete_flow=True,
        status=deletion_request_pb2.DELETION_STATUS_ERROR,
        updated=Timestamp(seconds=1),
        error=Failure(code=14, reason="UNAVAILABLE", summary="the disk is full"),
    )
    assert msgspec.json.decode(msgspec.json.encode(deletion_request.typed(message))) == {
        "id": "d",
        "flow_id": FLOW,
        "timerange_to_delete": "_",
        "timerange_remaining": "[0:0_",
        "delete_flow": True,
        "status": "error",
        "updated": "1970-01-01T00:00:01Z",
        "error": {"type": "UNAVAILABLE", "summary": "the disk is full", "time": "1970-01-01T00:00:01Z"},
    }


def test_every_status_of_a_deletion_has_its_word():
    known = set(deletion_request_pb2.DeletionStatus.values()) - {
        deletion_request_pb2.DELETION_STATUS_UNSPECIFIED
    }
    assert set(deletion_request.STATUSES) == known
