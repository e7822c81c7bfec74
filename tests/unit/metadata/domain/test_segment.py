import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metadata.domain.segment import Segment, all_sound, check, document, documents
from services.shared.errors import InvalidArgument
from services.shared.timerange import ETERNITY, MAX_NS, MIN_NS, NEVER, TimeRange, parse_timestamp
from tests.support import official

SECOND = 1_000_000_000
FIRST = TimeRange(0, SECOND)


def refused_path(segment: Segment) -> str:
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
def test_ranges_are_bounded_and_not_empty(timerange: TimeRange) -> None:
    assert refused_path(Segment("o", timerange)) == "$.timerange"


@pytest.mark.parametrize("timerange", [TimeRange(0, 1), TimeRange(-5, 5, True), TimeRange(MIN_NS, MAX_NS)])
def test_any_other_range_is_fine(timerange: TimeRange) -> None:
    check(Segment("o", timerange))


@pytest.mark.parametrize("object_id", ["", "x" * 1025, "\u00e9" * 513, "a\0b"])
def test_unusable_object_ids(object_id: str) -> None:
    assert refused_path(Segment(object_id, FIRST)) == "$.object_id"


@pytest.mark.parametrize("object_id", ["a/b c%2F?", "\u00e9" * 512, "x" * 1024, "'; --"])
def test_object_ids_are_free_text(object_id: str) -> None:
    check(Segment(object_id, FIRST))


@pytest.mark.parametrize("name", ["last_duration", "sample_offset", "sample_count", "key_frame_count"])
def test_counts_are_natural(name: str) -> None:
    for value in (None, 0, MAX_NS):
        check(Segment("o", FIRST, **{name: value}))
    assert refused_path(Segment("o", FIRST, **{name: -1})) == f"$.{name}"


@given(
    st.integers(-(10**18), 10**18),
    st.integers(1, 10**18),
    st.tuples(st.integers(-(10**18), 10**18), st.none() | st.integers(0, 10**18)),
    st.lists(st.none() | st.integers(0, 10**6), min_size=3, max_size=3),
)
def test_documents_say_what_was_registered(
    start: int, length: int, times: tuple[int, int | None], counts: list[int | None]
) -> None:
    offset, last = times
    inclusive = offset % 2 == 0
    segment = Segment('o/\u00e9"', TimeRange(start, start + length, inclusive), offset, last, *counts)
    found: dict[str, Any] = json.loads(document(segment))
    assert found.pop("object_id") == segment.object_id
    assert TimeRange.parse(found.pop("timerange")) == segment.timerange
    assert parse_timestamp(found.pop("ts_offset")) == offset
    if last is not None:
        assert parse_timestamp(found.pop("last_duration")) == last
    names = ("sample_offset", "sample_count", "key_frame_count")
    assert found == {name: count for name, count in zip(names, counts, strict=True) if count is not None}


@official.needed
def test_documents_satisfy_the_official_schema() -> None:
    full = Segment("o", FIRST, -SECOND, 40_000_000, 1, 2, 3)
    for segment in (Segment("o", FIRST), full, Segment("o", TimeRange(0, 1, end_inclusive=True))):
        official.validator("flow-segment.json").validate(json.loads(document(segment)))


BOUNDS = st.none() | st.integers(-2, 2)
COUNTS = st.none() | st.integers(-1, 2)
IDS = st.sampled_from(["a", "\u00e9/b", "x" * 256]) | st.sampled_from(
    ["", "a\0b", "x" * 1025, "\u00e9" * 513]
)
SOUND = st.builds(Segment, st.just("a"), st.just(FIRST), st.integers(), *[st.none() | st.integers(0, 2)] * 4)
SEGMENTS = st.builds(
    Segment,
    st.just("a") | IDS,
    st.just(FIRST) | st.builds(TimeRange, BOUNDS, BOUNDS, st.booleans()),
    st.integers(-2, 2),
    COUNTS,
    COUNTS,
    COUNTS,
    COUNTS,
)


def passes(segment: Segment) -> bool:
    try:
        check(segment)
    except InvalidArgument:
        return False
    return True


@given(st.lists(SOUND, max_size=5), st.lists(SEGMENTS, max_size=1))
def test_all_are_sound_when_each_is(sound: list[Segment], odd: list[Segment]) -> None:
    assert all_sound([*sound, *odd]) == all(map(passes, odd))


def test_of_long_ids_it_cannot_be_told_at_once() -> None:
    long = Segment("x" * 257, FIRST)
    check(long)
    assert not all_sound([long])


@given(st.lists(SOUND))
def test_documents_of_many_are_those_of_each(segments: list[Segment]) -> None:
    assert documents(segments) == [document(one) for one in segments]


def test_documents_are_whole_whatever_their_ids_hold() -> None:
    names = ["two\nlines", "\r", "\u2028", '"']
    written = documents([Segment(name, FIRST) for name in names])
    assert [json.loads(one)["object_id"] for one in written] == names
