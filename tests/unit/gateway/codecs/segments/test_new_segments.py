"""Posted segments, sent by the gateway and read by the metadata service."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, UnsetType

from gateway.codecs.segments.new_segments import new_segments
from gateway.codecs.segments.segment import Posted, PostedSegment, PostedUrl
from services.metadata.domain.objects.external_url import ExternalUrl
from services.metadata.domain.segments.segment import Segment
from services.metadata.servicers.new_segments import new_segments as read
from services.shared.errors import InvalidArgument
from services.shared.timerange import (
    MAX_NS,
    MIN_NS,
    TimeRange,
    format_timestamp,
    has_exclusive_start,
    parse_timestamp,
)

nanoseconds = st.integers(MIN_NS + 1, MAX_NS - 1)
timestamps = nanoseconds.map(format_timestamp)
counts = st.just(UNSET) | st.integers(-(2**63), 2**63 - 1)
ranges = st.builds(
    TimeRange, st.none() | nanoseconds, st.none() | st.integers(MIN_NS + 2, MAX_NS - 1), st.booleans()
)
posted_segments = st.builds(
    PostedSegment,
    object_id=st.text(min_size=1, max_size=8),
    timerange=ranges.map(str) | st.just("(0:0_1:0)"),
    ts_offset=st.just("0:0") | timestamps,
    last_duration=st.just(UNSET) | timestamps,
    sample_offset=counts,
    sample_count=counts,
    key_frame_count=counts,
    get_urls=st.lists(
        st.builds(PostedUrl, st.text(min_size=1), st.just(UNSET) | st.text(min_size=1)), max_size=2
    ),
)
extra_members = st.dictionaries(st.integers(0, 5), st.sampled_from([b'{"x":1}', b"{}"]), max_size=3)


def segment_of(posted: PostedSegment, extra: bytes) -> Segment[str]:
    """The segment field by field, with -1 for all negative counts, which are never stored."""
    last = None if posted.last_duration is UNSET else parse_timestamp(posted.last_duration)
    return with_negatives_alike(
        Segment(
            posted.object_id,
            TimeRange.parse(posted.timerange),
            parse_timestamp(posted.ts_offset),
            last,
            _count(posted.sample_offset),
            _count(posted.sample_count),
            _count(posted.key_frame_count),
            [ExternalUrl(url.url, None if url.label is UNSET else url.label) for url in posted.get_urls]
            or (),
            extra,
            has_exclusive_start(posted.timerange),
        )
    )


def _count(posted: int | UnsetType) -> int | None:
    return None if posted is UNSET else posted


def with_negatives_alike(segment: Segment[str]) -> Segment[str]:
    counts = ("last_duration", "sample_offset", "sample_count", "key_frame_count")
    negative: dict[str, Any] = {name: -1 for name in counts if (getattr(segment, name) or 0) < 0}
    return segment._replace(**negative)


@given(st.lists(posted_segments, max_size=6), extra_members)
def test_metadata_reads_the_posted_segments(posted: list[PostedSegment], extras: dict[int, bytes]) -> None:
    extras = {index: extra for index, extra in extras.items() if index < len(posted)}
    message = new_segments(Posted(posted, extras, is_list=True))
    expected = [segment_of(segment, extras.get(index, b"")) for index, segment in enumerate(posted)]
    assert list(map(with_negatives_alike, read(message))) == expected


def test_only_fields_that_a_segment_has_are_sent() -> None:
    posted = [PostedSegment("a", "[0:0_1:0)"), PostedSegment("b", "[1:0_2:0)")]
    message = new_segments(Posted(posted, {}, is_list=True))
    assert [field.name for field, _ in message.ListFields()] == ["object_ids", "starts_ns", "ends_ns"]


@pytest.mark.parametrize("member", ["timerange", "ts_offset", "last_duration"])
def test_a_malformed_time_is_refused_with_its_path(member: str) -> None:
    valid: dict[str, Any] = {"object_id": "o", "timerange": "[0:0_1:0)"}
    malformed = PostedSegment(**(valid | {member: "1.5"}))
    for posted, path in (
        (Posted([PostedSegment(**valid), malformed], {}, is_list=True), f"$[1].{member}"),
        (Posted([malformed], {}, is_list=False), f"$.{member}"),
    ):
        with pytest.raises(InvalidArgument) as caught:
            new_segments(posted)
        assert caught.value.metadata["path"] == path
