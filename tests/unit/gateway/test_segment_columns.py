"""What is posted as a list arrives as it would one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from tams.metadata.v1.segment_service_pb2 import CreateSegmentsRequest

from gateway.codecs import segment, segment_columns
from gateway.codecs.segment import PostedSegment, PostedUrl
from services.metadata.domain.segment import Segment
from services.metadata.servicers.new_segments import new_segments
from services.shared.errors import InvalidArgument
from services.shared.timerange import MAX_NS, MIN_NS, TimeRange, format_timestamp

nanoseconds = st.integers(MIN_NS + 1, MAX_NS - 1)
stamps = nanoseconds.map(format_timestamp)
counts = st.just(UNSET) | st.integers(-(2**63), 2**63 - 1)
ranges = st.builds(
    TimeRange, st.none() | nanoseconds, st.none() | st.integers(MIN_NS + 2, MAX_NS - 1), st.booleans()
)
posted_segments = st.builds(
    PostedSegment,
    object_id=st.text(min_size=1, max_size=8),
    timerange=ranges.map(str),
    ts_offset=st.just("0:0") | stamps,
    last_duration=st.just(UNSET) | stamps,
    sample_offset=counts,
    sample_count=counts,
    key_frame_count=counts,
    get_urls=st.lists(
        st.builds(PostedUrl, st.text(min_size=1), st.just(UNSET) | st.text(min_size=1)), max_size=2
    ),
)


def one_by_one(posted: list[PostedSegment]) -> list[Segment]:
    messages = [segment.to_message(one, "$") for one in posted]
    return list(new_segments(CreateSegmentsRequest(segments=messages)))


def plain(one: Segment) -> Segment:
    """The segment with all negative counts alike: none of them is stored."""
    counts = ("last_duration", "sample_offset", "sample_count", "key_frame_count")
    return one._replace(**{name: -1 for name in counts if (getattr(one, name) or 0) < 0})


@given(st.lists(posted_segments, max_size=6), st.data())
def test_a_list_says_what_its_segments_say(posted: list[PostedSegment], data: st.DataObject) -> None:
    places = [at for at in range(len(posted)) if data.draw(st.booleans())]
    asked = segment_columns.create_request("f", posted, segment_columns.times(posted), places)
    assert sorted(asked.places) == places
    assert list(map(plain, new_segments(asked.request))) == list(
        map(plain, one_by_one([posted[at] for at in asked.places]))
    )


def test_only_what_some_segment_has_is_sent() -> None:
    posted = [PostedSegment("a", "[0:0_1:0)"), PostedSegment("b", "[1:0_2:0)")]
    asked = segment_columns.create_request("f", posted, segment_columns.times(posted), [0, 1])
    assert [name.name for name, _ in asked.request.columns.ListFields()] == [
        "object_ids", "starts_ns", "ends_ns",
    ]  # fmt: skip


@pytest.mark.parametrize("member", ["timerange", "ts_offset", "last_duration"])
def test_a_malformed_time_is_told_by_its_place(member: str) -> None:
    fine = {"object_id": "o", "timerange": "[0:0_1:0)"}
    posted = [PostedSegment(**fine), PostedSegment(**(fine | {member: "1.5"}))]
    with pytest.raises(InvalidArgument) as caught:
        segment_columns.times(posted)
    assert caught.value.metadata["path"] == f"$[1].{member}"
