import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metadata.domain.objects.external_url import ExternalUrl
from services.metadata.domain.segments.segment import Segment, UrlRules, check, documents
from services.shared.errors import InvalidArgument
from services.shared.timerange import ETERNITY, MAX_NS, MIN_NS, NEVER, TimeRange, parse_timestamp
from tests.support.openapi import official

SECOND = 1_000_000_000
FIRST = TimeRange(0, SECOND)


def document(segment: Segment[str]) -> bytes:
    (line,) = documents([segment])
    return line


def refused_path(segment: Segment[str]) -> str:
    with pytest.raises(InvalidArgument) as caught:
        check(segment)
    assert caught.value.reason == "BAD_SEGMENT"
    return caught.value.metadata["path"]


@pytest.mark.parametrize(
    "timerange",
    [
        ETERNITY,
        NEVER,
        TimeRange(0),
        TimeRange(None, 0),
        TimeRange(5, 5),
        TimeRange(6, 5),
        TimeRange(5, 5, True),
    ],
)
def test_unbounded_and_empty_timeranges_are_refused(timerange: TimeRange) -> None:
    assert refused_path(Segment("o", timerange)) == "$.timerange"


@pytest.mark.parametrize("timerange", [TimeRange(0, 1), TimeRange(-5, 5, True), TimeRange(MIN_NS, MAX_NS)])
def test_other_timeranges_are_accepted(timerange: TimeRange) -> None:
    check(Segment("o", timerange))


@pytest.mark.parametrize("object_id", ["", "x" * 1025, "\u00e9" * 513, "a\0b"])
def test_malformed_object_ids_are_refused(object_id: str) -> None:
    assert refused_path(Segment(object_id, FIRST)) == "$.object_id"


@pytest.mark.parametrize("object_id", ["a/b c%2F?", "\u00e9" * 512, "x" * 1024, "'; --"])
def test_other_object_ids_are_accepted(object_id: str) -> None:
    check(Segment(object_id, FIRST))


@pytest.mark.parametrize("name", ["last_duration", "sample_offset", "sample_count", "key_frame_count"])
def test_negative_counts_are_refused(name: str) -> None:
    def segment(count: int | None) -> Segment[str]:
        members: dict[str, Any] = {name: count}
        return Segment("o", FIRST, **members)

    for value in (None, 0, MAX_NS):
        check(segment(value))
    assert refused_path(segment(-1)) == f"$.{name}"


@given(
    st.integers(-(10**18), 10**18),
    st.integers(1, 10**18),
    st.tuples(st.integers(-(10**18), 10**18), st.none() | st.integers(0, 10**18)),
    st.tuples(*[st.none() | st.integers(0, 10**6)] * 3),
)
def test_documents_have_the_members_of_the_segment(
    start: int, length: int, times: tuple[int, int | None], counts: tuple[int | None, int | None, int | None]
) -> None:
    offset, last = times
    inclusive = offset % 2 == 0
    segment = Segment('o/\u00e9"', TimeRange(start, start + length, inclusive), offset, last, *counts)
    decoded: dict[str, Any] = json.loads(document(segment))
    assert decoded.pop("object_id") == segment.object_id
    assert TimeRange.parse(decoded.pop("timerange")) == segment.timerange
    assert parse_timestamp(decoded.pop("ts_offset")) == offset
    if last is not None:
        assert parse_timestamp(decoded.pop("last_duration")) == last
    names = ("sample_offset", "sample_count", "key_frame_count")
    assert decoded == {name: count for name, count in zip(names, counts, strict=True) if count is not None}


@official.needed
def test_documents_satisfy_the_official_schema() -> None:
    full = Segment("o", FIRST, -SECOND, 40_000_000, 1, 2, 3)
    for segment in (Segment("o", FIRST), full, Segment("o", TimeRange(0, 1, end_inclusive=True))):
        official.validator("flow-segment.json").validate(json.loads(document(segment)))


SEGMENTS = st.builds(
    Segment,
    st.text(min_size=1),
    st.just(FIRST),
    st.integers(),
    *[st.none() | st.integers(0, 2)] * 4,
    st.just(()),
    st.sampled_from([b"", b'{"x":1}']),
    st.just(False),
)


@given(st.lists(SEGMENTS))
def test_documents_of_a_list_are_the_documents_of_its_segments(segments: list[Segment[str]]) -> None:
    assert documents(segments) == [document(segment) for segment in segments]


def test_documents_with_any_object_id_are_separate() -> None:
    object_ids = ["two\nlines", "\r", "\u2028", '"']
    lines = documents([Segment(object_id, FIRST) for object_id in object_ids])
    assert [json.loads(line)["object_id"] for line in lines] == object_ids


@pytest.mark.parametrize("extra", [b'{"object_timerange":"[0:0_1:0)"}', b' {"a": {"b": [1, 2.50]} } ', b"{}"])
def test_unknown_members_are_in_the_document(extra: bytes) -> None:
    segment = Segment("o", FIRST, extra=extra)
    check(segment)
    known = json.loads(document(Segment("o", FIRST)))
    assert json.loads(document(segment)) == known | json.loads(extra)
    assert b"\n" not in document(segment)


@pytest.mark.parametrize(
    ("extra", "path"),
    [
        (b"[]", "$"),
        (b"{", "$"),
        (b"\xff", "$"),
        (b'{"x":"' + b"x" * 4096 + b'"}', "$"),
        (b'{"x":' + b"[" * 100 + b"]" * 100 + b"}", "$"),
        (b'{"x":[18446744073709551616]}', "$.x[0]"),
        (b'{"get_urls":[]}', "$.get_urls"),
        (b'{"object_id":"p"}', "$.object_id"),
        (b'{"key_frame_count":1}', "$.key_frame_count"),
    ],
)
def test_malformed_or_reserved_members_are_refused(extra: bytes, path: str) -> None:
    assert refused_path(Segment("o", FIRST, extra=extra)) == path


def test_an_exclusive_start_is_refused() -> None:
    segment = Segment("o", FIRST, start_exclusive=True)
    assert refused_path(segment) == "$.timerange"


def test_urls_of_a_segment_are_checked() -> None:
    segment = Segment("o", FIRST, external_urls=[ExternalUrl("file:///x")])
    with pytest.raises(InvalidArgument) as caught:
        check(segment)
    assert caught.value.reason == "BAD_URL"
    check(segment, UrlRules(schemes={"file"}))
