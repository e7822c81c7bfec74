import itertools
import re
from collections.abc import Callable

import mediatimestamp
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from mediatimestamp import Timestamp
from mediatimestamp.hypothesis.strategies import timestamps

from services.shared.errors import InvalidArgument
from services.shared.timerange import (
    ETERNITY,
    MAX_NS,
    MIN_NS,
    NEVER,
    NS,
    TimeRange,
    bounds_of,
    format_timestamp,
    parse_timestamp,
    texts_of,
)
from tests.support.openapi import official

# The BBC's library is the oracle, within the range that both support.
LOWEST = mediatimestamp.Timestamp.from_nanosec(MIN_NS + 1)
HIGHEST = mediatimestamp.Timestamp.from_nanosec(MAX_NS - 1)


# The library's function has no types.
TIMESTAMPS: Callable[..., st.SearchStrategy[mediatimestamp.Timestamp]] = timestamps


def oracle_timestamps() -> st.SearchStrategy[mediatimestamp.Timestamp]:
    return TIMESTAMPS(min_value=LOWEST, max_value=HIGHEST)


def oracle_ranges() -> st.SearchStrategy[mediatimestamp.TimeRange]:
    """Ranges as written: of any inclusivity and length, some of them empty or unbounded."""
    near = TIMESTAMPS(*map(mediatimestamp.Timestamp.from_nanosec, (-3, 3)))
    bound = st.none() | near | oracle_timestamps()
    inclusivity = st.integers(0, 3).map(mediatimestamp.TimeRange.Inclusivity)
    return st.builds(mediatimestamp.TimeRange, bound, bound, inclusivity)


def first_and_last_of_oracle(oracle_range: mediatimestamp.TimeRange) -> tuple[float, float]:
    """The first and last integer nanosecond of the oracle's range, infinite where unbounded."""
    start = (
        float("-inf")
        if oracle_range.start is None
        else oracle_range.start.to_nanosec() + (not oracle_range.includes_start())
    )
    end = (
        float("inf")
        if oracle_range.end is None
        else oracle_range.end.to_nanosec() - (not oracle_range.includes_end())
    )
    return (start, end) if not oracle_range.is_empty() and start <= end else (0, -1)


def first_and_last(timerange: TimeRange) -> tuple[float, float]:
    start = float("-inf") if timerange.start is None else timerange.start
    end = float("inf") if timerange.end is None else timerange.end - 1
    return (0, -1) if timerange.empty else (start, end)


def for_oracle(timerange: TimeRange) -> mediatimestamp.TimeRange:
    """The same instants as a range of the oracle.

    Both ends are inclusive, because then integers and a continuum make no difference.
    """
    if timerange.empty:
        return mediatimestamp.TimeRange.never()
    timestamp = mediatimestamp.Timestamp.from_nanosec
    start = None if timerange.start is None else timestamp(timerange.start)
    return mediatimestamp.TimeRange(start, None if timerange.end is None else timestamp(timerange.end - 1))


def small_ranges() -> st.SearchStrategy[TimeRange]:
    bound = st.none() | st.integers(-6, 6)
    return st.builds(TimeRange, bound, bound, st.booleans())


def wide_ranges() -> st.SearchStrategy[TimeRange]:
    bound = st.none() | st.integers(MIN_NS + 1, MAX_NS)
    return st.builds(TimeRange, bound, bound, st.booleans())


@given(oracle_timestamps())
def test_timestamps_are_read_and_written_as_the_oracle_does(timestamp: Timestamp) -> None:
    text = timestamp.to_sec_nsec()
    assert parse_timestamp(text) == timestamp.to_nanosec()
    assert format_timestamp(timestamp.to_nanosec()) == text


@given(st.integers(MIN_NS + 1, MAX_NS - 1))
def test_every_timestamp_survives_its_text(value: int) -> None:
    assert parse_timestamp(format_timestamp(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        *("", "0", "0:", ":0", "0:01", "00:0", "+1:0", "1:1000000000", "1.5:0", "1:0 ", "1:0\n", " 1:0"),
        *("1:-1", "--1:0", "\u0661:0", "9223372036:854775807", "-9223372036:854775808"),
        *("281474976710655:0", "9" * 10_000 + ":0"),
    ],
)
def test_malformed_or_too_large_timestamps_are_refused(text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_timestamp(text)
    assert caught.value.reason == "BAD_TIMESTAMP"
    assert len(caught.value.summary) < 200


def test_timestamps_reach_to_the_ends_of_int64_exclusively() -> None:
    # In rows the ends mean unbounded, and the last instant needs an exclusive end after it.
    assert parse_timestamp("-9223372036:854775807") == MIN_NS + 1
    assert parse_timestamp("9223372036:854775806") == MAX_NS - 1


@given(oracle_ranges())
def test_ranges_are_read_as_the_oracle_does(written: mediatimestamp.TimeRange) -> None:
    assert first_and_last(TimeRange.parse(written.to_sec_nsec_range())) == first_and_last_of_oracle(written)


@given(oracle_ranges())
def test_canonical_text_equals_that_of_the_oracle(oracle_range: mediatimestamp.TimeRange) -> None:
    timerange = TimeRange.parse(oracle_range.to_sec_nsec_range())
    assume(not timerange.empty)
    if oracle_range.start is not None and not oracle_range.includes_start():
        # TimeRange writes an exclusive start as the first instant, so each range has a single text.
        assert timerange.start is not None
        start = mediatimestamp.Timestamp.from_nanosec(timerange.start)
        oracle_range = mediatimestamp.TimeRange(
            start, oracle_range.end, oracle_range.inclusivity | oracle_range.INCLUDE_START
        )
    assert str(timerange) == oracle_range.to_sec_nsec_range()


@given(wide_ranges() | small_ranges())
def test_canonical_text_is_read_as_the_same_range(written: TimeRange) -> None:
    assume(not (written.end_inclusive and written.end is None))
    assume(written.start != MAX_NS)
    assume(written.end not in (MIN_NS + 1, MAX_NS))
    read = TimeRange.parse(str(written))
    assert read == (NEVER if written.empty else written)
    assert str(read) == str(written)


@given(st.text("[]()_:-0123456789 ", max_size=40) | st.text(max_size=70))
def test_any_text_is_refused_or_read_as_the_oracle_does(text: str) -> None:
    try:
        timerange = TimeRange.parse(text)
    except InvalidArgument:
        return
    assert first_and_last(timerange) == first_and_last_of_oracle(mediatimestamp.TimeRange.from_str(text))


@pytest.mark.parametrize(
    "text", ["0:0_1:0_2:0", "[[0:0]", "{0:0}", "0:0-1:0", "[0:0_1:0]]", "eternity", "[0:0_1:0)x", "[" * 100]
)
def test_malformed_ranges_are_refused(text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        TimeRange.parse(text)
    assert caught.value.reason == "BAD_TIMERANGE"
    assert len(caught.value.summary) < 200


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("_", "_"),
        ("[_)", "_"),
        ("()", "()"),
        ("", "()"),
        ("[]", "()"),
        ("[10:0_0:0)", "()"),
        ("[5:0_5:0)", "()"),
        ("5:0", "[5:0]"),
        ("[5:0_5:0]", "[5:0]"),
        ("0:0_10:0", "[0:0_10:0]"),
        ("(5:0_", "[5:1_"),
        ("_5:0)", "_5:0)"),
        ("_(5:0", None),
        ("[-0:0_-0:0]", "[0:0]"),
        ("(0:999999999_2:0]", "[1:0_2:0]"),
    ],
)
def test_each_spelling_has_its_canonical_text(text: str, canonical: str | None) -> None:
    if canonical is None:
        with pytest.raises(InvalidArgument):
            TimeRange.parse(text)
    else:
        assert str(TimeRange.parse(text)) == canonical


# Differences from the oracle, and their reasons.


@pytest.mark.parametrize("text", ["(5:0)", "[5:0)", "(5:0]", "(5:0", "5:0)"])
def test_an_instant_with_an_exclusive_bracket_is_refused(text: str) -> None:
    # The schema forbids it, though the oracle ignores the bracket and the application notes call it empty.
    assert not mediatimestamp.TimeRange.from_str(text).is_empty()
    with pytest.raises(InvalidArgument):
        TimeRange.parse(text)


def test_a_range_between_two_neighbours_is_empty() -> None:
    # Timestamps are integers, so nothing lies between neighbours; the oracle has a continuum.
    assert not mediatimestamp.TimeRange.from_str("(0:0_0:1)").is_empty()
    assert TimeRange.parse("(0:0_0:1)").empty


def test_seconds_beyond_int64_nanoseconds_are_refused() -> None:
    # The oracle accepts 48 bits of seconds.
    assert mediatimestamp.TimeRange.from_str("[9300000000:0]").finite()
    with pytest.raises(InvalidArgument):
        TimeRange.parse("[9300000000:0]")


@official.needed
@given(st.data())
def test_text_of_the_official_pattern_is_read_unless_it_is_an_exclusive_instant(data: st.DataObject) -> None:
    pattern = official.validator("timerange.json").schema["pattern"]
    text = data.draw(st.from_regex(pattern, fullmatch=True, alphabet=st.characters(codec="ascii")))
    try:
        TimeRange.parse(text)
    except InvalidArgument as error:
        too_large = error.reason == "BAD_TIMESTAMP" or len(text) > 64
        assert too_large or re.fullmatch(r"\([^_]+|[^_]+\)", text)


@official.needed
@given(st.text("[]()_:-0123456789", max_size=30))
def test_every_text_that_is_read_fits_the_official_pattern(text: str) -> None:
    try:
        TimeRange.parse(text)
    except InvalidArgument:
        return
    official.validator("timerange.json").validate(text)


# Set operations, compared with the oracle and with sets of integers.


@given(wide_ranges() | small_ranges(), wide_ranges() | small_ranges())
def test_set_operations_agree_with_the_oracle(a: TimeRange, b: TimeRange) -> None:
    oracle_a, oracle_b = for_oracle(a), for_oracle(b)
    assert (
        first_and_last(a.intersection(b)) == first_and_last_of_oracle(oracle_a.intersect_with(oracle_b))
        or a.empty
        or b.empty
    )
    assert a.overlaps(b) == oracle_a.overlaps_with_timerange(oracle_b)
    assert a.covers(b) == (b.empty or oracle_a.contains_subrange(oracle_b))
    assert a.empty == oracle_a.is_empty()


@given(small_ranges(), small_ranges())
def test_set_operations_agree_with_sets_of_integers(a: TimeRange, b: TimeRange) -> None:
    def points(timerange: TimeRange) -> set[int]:
        start = -10 if timerange.start is None else timerange.start
        return set(range(start, 10 if timerange.end is None else timerange.end))

    assert a.overlaps(b) == bool(points(a) & points(b))
    assert b.overlaps(a) == a.overlaps(b)
    if points(a) and points(b):
        assert points(a.intersection(b)) == points(a) & points(b)
        assert a.covers(b) == (points(b) <= points(a))
    assert a.bounded == (a.start is not None and a.end is not None)


def test_an_intersection_keeps_the_notation_of_the_earlier_end() -> None:
    written = TimeRange(0, 11, end_inclusive=True)
    assert written.intersection(TimeRange(5, 20)) == TimeRange(5, 11, end_inclusive=True)
    assert ETERNITY.intersection(written) == written
    assert written.intersection(TimeRange(5, 8)) == TimeRange(5, 8)


def test_adjacent_ranges_overlap_only_if_the_end_is_inclusive() -> None:
    later = TimeRange.parse("[10:0_20:0)")
    assert not TimeRange.parse("[0:0_10:0)").overlaps(later)
    assert TimeRange.parse("[0:0_10:0]").overlaps(later)


def test_eternity_covers_all_ranges_and_the_empty_range_covers_none() -> None:
    second = TimeRange(0, NS)
    assert ETERNITY.covers(second)
    assert not second.covers(ETERNITY)
    assert second.covers(NEVER)
    assert not NEVER.covers(second)
    assert not ETERNITY.overlaps(NEVER)


BOUNDS = st.none() | st.integers(-3, 3) | st.integers(MIN_NS + 1, MAX_NS - 1)
RANGES = st.lists(st.builds(TimeRange, BOUNDS, BOUNDS, st.booleans()))


@given(RANGES)
def test_texts_of_a_list_are_the_texts_of_its_ranges(ranges: list[TimeRange]) -> None:
    assert texts_of(ranges) == [str(timerange) for timerange in ranges]


@given(st.lists(st.integers(0, MAX_NS), unique=True).map(sorted))
def test_texts_of_adjacent_ranges_are_the_texts_of_each(cuts: list[int]) -> None:
    ranges = [TimeRange(start, end) for start, end in itertools.pairwise(cuts)]
    assert texts_of(ranges) == [str(timerange) for timerange in ranges]
    assert bounds_of(ranges) == (cuts[:-1], cuts[1:])


@pytest.mark.parametrize("unbounded", [ETERNITY, TimeRange(0), TimeRange(None, 0)])
def test_only_bounded_ranges_have_bounds(unbounded: TimeRange) -> None:
    with pytest.raises(InvalidArgument):
        bounds_of([TimeRange(0, 1), unbounded])


def far_timestamps() -> st.SearchStrategy[int]:
    """Timestamps of any size, some of them near the ends of int64."""
    near = st.sampled_from([MIN_NS, MAX_NS, 0]).flatmap(lambda end: st.integers(end - 3, end + 3))
    return near | st.integers(-(10**40), 10**40) | st.sampled_from([10**400, -(10**400)])


@given(
    st.none() | far_timestamps(),
    st.none() | far_timestamps(),
    st.sampled_from(["[", "("]),
    st.sampled_from(["]", ")"]),
)
@example(-(10**28), -(10**400), "[", "]")
@example(10**400, 10**40, "[", "]")
def test_a_range_beyond_int64_is_clamped_to_it(
    first: int | None, last: int | None, opening: str, closing: str
) -> None:
    texts = ["" if bound is None else format_timestamp(bound) for bound in (first, last)]
    clamped = TimeRange.parse_clamped(f"{opening}{texts[0]}_{texts[1]}{closing}")
    low = float("-inf") if first is None else first + (opening == "(")
    high = float("inf") if last is None else last - (closing == ")")
    assert clamped.empty == (low > high)
    for instant in (MIN_NS, MIN_NS + 1, -1, 0, 1, MAX_NS - 2, MAX_NS - 1):
        included = not clamped.intersection(TimeRange(instant, instant + 1)).empty
        assert included == (low <= instant <= high)
    for bound in (clamped.start, clamped.end):
        assert bound is None or MIN_NS <= bound <= MAX_NS


@given(oracle_ranges())
def test_a_range_within_int64_is_not_clamped(written: TimeRange) -> None:
    text = str(written)
    assert str(TimeRange.parse_clamped(text)) == str(TimeRange.parse(text))


@pytest.mark.parametrize("text", ["[0:0_x)", "(300000000000:0)", "[0:0_1:9999999999)", "9" * 5000])
def test_malformed_ranges_are_not_clamped_but_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        TimeRange.parse_clamped(text)
