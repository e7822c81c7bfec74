import itertools
import re

import mediatimestamp
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
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
from tests.support import official

# The BBC's library is the oracle, within the range that both know.
LOWEST = mediatimestamp.Timestamp.from_nanosec(MIN_NS + 1)
HIGHEST = mediatimestamp.Timestamp.from_nanosec(MAX_NS - 1)


def oracle_timestamps():
    return timestamps(min_value=LOWEST, max_value=HIGHEST)


def oracle_ranges():
    """Ranges as written: any inclusivity, some unbounded, short and long, empty ones among them."""
    near = timestamps(*map(mediatimestamp.Timestamp.from_nanosec, (-3, 3)))
    bound = st.none() | near | oracle_timestamps()
    inclusivity = st.integers(0, 3).map(mediatimestamp.TimeRange.Inclusivity)
    return st.builds(mediatimestamp.TimeRange, bound, bound, inclusivity)


def on_grid(found: mediatimestamp.TimeRange) -> tuple[float, float]:
    """The first and last integer nanosecond of the oracle's range, infinite where unbounded."""
    start = float("-inf") if found.start is None else found.start.to_nanosec() + (not found.includes_start())
    end = float("inf") if found.end is None else found.end.to_nanosec() - (not found.includes_end())
    return (start, end) if not found.is_empty() and start <= end else (0, -1)


def first_and_last(found: TimeRange) -> tuple[float, float]:
    start = float("-inf") if found.start is None else found.start
    end = float("inf") if found.end is None else found.end - 1
    return (0, -1) if found.empty else (start, end)


def inclusive(found: TimeRange) -> mediatimestamp.TimeRange:
    """The same instants for the oracle, both ends inclusive: a form in which grid and continuum agree."""
    if found.empty:
        return mediatimestamp.TimeRange.never()
    stamp = mediatimestamp.Timestamp.from_nanosec
    start = None if found.start is None else stamp(found.start)
    return mediatimestamp.TimeRange(start, None if found.end is None else stamp(found.end - 1))


def small_ranges():
    bound = st.none() | st.integers(-6, 6)
    return st.builds(TimeRange, bound, bound, st.booleans())


def wide_ranges():
    bound = st.none() | st.integers(MIN_NS + 1, MAX_NS)
    return st.builds(TimeRange, bound, bound, st.booleans())


@given(oracle_timestamps())
def test_timestamps_are_read_and_written_as_the_oracle_does(stamp):
    text = stamp.to_sec_nsec()
    assert parse_timestamp(text) == stamp.to_nanosec()
    assert format_timestamp(stamp.to_nanosec()) == text


@given(st.integers(MIN_NS + 1, MAX_NS - 1))
def test_every_timestamp_survives_its_text(value):
    assert parse_timestamp(format_timestamp(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        *("", "0", "0:", ":0", "0:01", "00:0", "+1:0", "1:1000000000", "1.5:0", "1:0 ", "1:0\n", " 1:0"),
        *("1:-1", "--1:0", "\u0661:0", "9223372036:854775807", "-9223372036:854775808"),
        *("281474976710655:0", "9" * 10_000 + ":0"),
    ],
)
def test_other_text_is_no_timestamp(text):
    with pytest.raises(InvalidArgument) as caught:
        parse_timestamp(text)
    assert caught.value.reason == "BAD_TIMESTAMP"
    assert len(caught.value.summary) < 200


def test_the_whole_of_int64_but_its_ends_is_a_timestamp():
    # Rows keep the ends for the infinite, and after the last instant comes an exclusive end.
    assert parse_timestamp("-9223372036:854775807") == MIN_NS + 1
    assert parse_timestamp("9223372036:854775806") == MAX_NS - 1


@given(oracle_ranges())
def test_ranges_are_read_as_the_oracle_does(found):
    assert first_and_last(TimeRange.parse(found.to_sec_nsec_range())) == on_grid(found)


@given(oracle_ranges())
def test_canonical_text_is_the_oracle_s(found):
    ours = TimeRange.parse(found.to_sec_nsec_range())
    assume(not ours.empty)
    if found.start is not None and not found.includes_start():
        # Printed by its first instant: a half-open range has one way to write its start.
        start = mediatimestamp.Timestamp.from_nanosec(ours.start)
        found = mediatimestamp.TimeRange(start, found.end, found.inclusivity | found.INCLUDE_START)
    assert str(ours) == found.to_sec_nsec_range()


@given(wide_ranges() | small_ranges())
def test_canonical_text_reads_back(found):
    assume(not (found.end_inclusive and found.end is None))
    assume(found.start != MAX_NS)
    assume(found.end not in (MIN_NS + 1, MAX_NS))
    again = TimeRange.parse(str(found))
    assert again == (NEVER if found.empty else found)
    assert str(again) == str(found)


@given(st.text("[]()_:-0123456789 ", max_size=40) | st.text(max_size=70))
def test_any_other_text_is_refused_and_nothing_else_happens(text):
    try:
        ours = TimeRange.parse(text)
    except InvalidArgument:
        return
    assert first_and_last(ours) == on_grid(mediatimestamp.TimeRange.from_str(text))


@pytest.mark.parametrize(
    "text", ["0:0_1:0_2:0", "[[0:0]", "{0:0}", "0:0-1:0", "[0:0_1:0]]", "eternity", "[0:0_1:0)x", "[" * 100]
)
def test_malformed_ranges_are_refused(text):
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
def test_spellings_and_their_canonical_text(text, canonical):
    if canonical is None:
        with pytest.raises(InvalidArgument):
            TimeRange.parse(text)
    else:
        assert str(TimeRange.parse(text)) == canonical


# Where we differ from the oracle, and why.


@pytest.mark.parametrize("text", ["(5:0)", "[5:0)", "(5:0]", "(5:0", "5:0)"])
def test_an_instant_with_an_exclusive_bracket_is_refused(text):
    # The schema forbids it; the oracle ignores the bracket, the application notes call it empty.
    assert not mediatimestamp.TimeRange.from_str(text).is_empty()
    with pytest.raises(InvalidArgument):
        TimeRange.parse(text)


def test_a_range_between_two_neighbours_is_empty():
    # Timestamps are integers, so nothing lies between two of them; the oracle thinks of a continuum.
    assert not mediatimestamp.TimeRange.from_str("(0:0_0:1)").is_empty()
    assert TimeRange.parse("(0:0_0:1)").empty


def test_seconds_beyond_int64_nanoseconds_are_refused():
    # The oracle goes on to 48 bits of seconds.
    assert mediatimestamp.TimeRange.from_str("[9300000000:0]").finite()
    with pytest.raises(InvalidArgument):
        TimeRange.parse("[9300000000:0]")


@official.needed
@given(st.data())
def test_whatever_fits_the_official_pattern_is_read_but_for_exclusive_instants(data):
    pattern = official.validator("timerange.json").schema["pattern"]
    text = data.draw(st.from_regex(pattern, fullmatch=True, alphabet=st.characters(codec="ascii")))
    try:
        TimeRange.parse(text)
    except InvalidArgument as error:
        too_large = error.reason == "BAD_TIMESTAMP" or len(text) > 64
        assert too_large or re.fullmatch(r"\([^_]+|[^_]+\)", text)


@official.needed
@given(st.text("[]()_:-0123456789", max_size=30))
def test_whatever_is_read_fits_the_official_pattern(text):
    try:
        TimeRange.parse(text)
    except InvalidArgument:
        return
    official.validator("timerange.json").validate(text)


# Algebra: against the oracle, and against plain sets.


@given(wide_ranges() | small_ranges(), wide_ranges() | small_ranges())
def test_algebra_agrees_with_the_oracle(a, b):
    ours, others = inclusive(a), inclusive(b)
    assert first_and_last(a.intersection(b)) == on_grid(ours.intersect_with(others)) or a.empty or b.empty
    assert a.overlaps(b) == ours.overlaps_with_timerange(others)
    assert a.covers(b) == (b.empty or ours.contains_subrange(others))
    assert a.empty == ours.is_empty()


@given(small_ranges(), small_ranges())
def test_algebra_agrees_with_sets(a, b):
    def points(found: TimeRange) -> set[int]:
        start = -10 if found.start is None else found.start
        return set(range(start, 10 if found.end is None else found.end))

    assert a.overlaps(b) == bool(points(a) & points(b))
    assert b.overlaps(a) == a.overlaps(b)
    if points(a) and points(b):
        assert points(a.intersection(b)) == points(a) & points(b)
        assert a.covers(b) == (points(b) <= points(a))
    assert a.bounded == (a.start is not None and a.end is not None)


def test_an_intersection_keeps_how_the_earlier_end_is_written():
    written = TimeRange(0, 11, end_inclusive=True)
    assert written.intersection(TimeRange(5, 20)) == TimeRange(5, 11, end_inclusive=True)
    assert ETERNITY.intersection(written) == written
    assert written.intersection(TimeRange(5, 8)) == TimeRange(5, 8)


def test_neighbours_share_an_instant_only_when_an_end_is_inclusive():
    later = TimeRange.parse("[10:0_20:0)")
    assert not TimeRange.parse("[0:0_10:0)").overlaps(later)
    assert TimeRange.parse("[0:0_10:0]").overlaps(later)


def test_eternity_covers_all_and_never_nothing():
    second = TimeRange(0, NS)
    assert ETERNITY.covers(second)
    assert not second.covers(ETERNITY)
    assert second.covers(NEVER)
    assert not NEVER.covers(second)
    assert not ETERNITY.overlaps(NEVER)


BOUNDS = st.none() | st.integers(-3, 3) | st.integers(MIN_NS + 1, MAX_NS - 1)
RANGES = st.lists(st.builds(TimeRange, BOUNDS, BOUNDS, st.booleans()))


@given(RANGES)
def test_texts_of_many_are_those_of_each(ranges):
    assert texts_of(ranges) == [str(one) for one in ranges]


@given(st.lists(st.integers(0, MAX_NS), unique=True).map(sorted))
def test_texts_of_neighbours_are_those_of_each(cuts):
    ranges = [TimeRange(start, end) for start, end in itertools.pairwise(cuts)]
    assert texts_of(ranges) == [str(one) for one in ranges]
    assert bounds_of(ranges) == (cuts[:-1], cuts[1:])


@pytest.mark.parametrize("odd", [ETERNITY, TimeRange(0), TimeRange(None, 0)])
def test_only_bounded_ranges_have_bounds(odd):
    with pytest.raises(InvalidArgument):
        bounds_of([TimeRange(0, 1), odd])
