"""The columns of new segments, and the segments that are read from them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tams.metadata.v1.segment_pb2 import IndexedMembers, IndexedRange, IndexedUrls

from services.metadata.domain.objects.external_url import ExternalUrl
from services.metadata.domain.segments.segment import Segment
from services.metadata.servicers.new_segments import new_segments
from services.shared.errors import InvalidArgument
from services.shared.timerange import TimeRange
from tests.support.rpc.messages import columns, new_segment

times = st.integers(-(2**63), 2**63 - 1)
ends = st.none() | times
counts = st.none() | st.integers(0, 2**63 - 1)
segments = st.builds(
    Segment,
    st.text(max_size=8),
    st.builds(TimeRange, ends, ends, st.booleans()),
    times,
    counts,
    counts,
    counts,
    counts,
    st.just(())
    | st.lists(st.builds(ExternalUrl, st.text(min_size=1), st.none() | st.text()), min_size=1, max_size=2),
    st.sampled_from([b"", b'{"x":1}']),
    st.booleans(),
)


@given(st.lists(segments, max_size=4), st.booleans())
def test_segments_written_as_columns_are_read_unchanged(posted: list[Segment[str]], sparse: bool) -> None:
    assert new_segments(columns(posted, sparse=sparse)) == posted


@pytest.mark.parametrize(
    "changed",
    [
        {"object_ids": ["o"]},
        {"starts_ns": [1]},
        {"ends_ns": []},
        {"ends_inclusive": [True] * 3},
        {"ts_offsets_ns": [1]},
        {"last_durations_ns": [1]},
        {"sample_offsets": [1]},
        {"sample_counts": [1]},
        {"key_frame_counts": [1]},
        {"external_urls": [IndexedUrls(index=2)]},
        {"external_urls": [IndexedUrls(index=-1)]},
        {"extra_members": [IndexedMembers(index=2)]},
        {"other_ranges": [IndexedRange(index=2)]},
    ],
)
def test_columns_of_different_lengths_are_refused(changed: dict[str, list[object]]) -> None:
    new = columns([new_segment(0, 1), new_segment(1, 2)])
    for name, values in changed.items():
        field = getattr(new, name)
        del field[:]
        field.extend(values)
    with pytest.raises(InvalidArgument) as caught:
        new_segments(new)
    assert caught.value.reason == "BAD_COLUMNS"
