from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.essence.timing import NANOSECOND, TS_TICK, TS_WRAP, joint_clock, nearest, rescale, unwrap

CLOCKS = st.sampled_from(
    [Fraction(1, rate) for rate in (1000, 12_800, 24_000, 30_000, 44_100, 48_000, 90_000)]
)


@pytest.mark.parametrize(
    ("quotient", "expected"),
    [((1, 2), 1), ((-1, 2), 0), ((7, 3), 2), ((8, 3), 3), ((-8, 3), -3), ((0, 5), 0)],
)
def test_quotients_are_rounded_and_halves_are_rounded_up(quotient: tuple[int, int], expected: int) -> None:
    assert nearest(*quotient) == expected


@given(st.integers(-(2**70), 2**70), CLOCKS)
def test_nanoseconds_keep_every_tick_of_a_slower_clock(ticks: int, clock: Fraction) -> None:
    assert rescale(rescale(ticks, clock, NANOSECOND), NANOSECOND, clock) == ticks


@given(st.integers(-(2**60), 2**60), CLOCKS, CLOCKS)
def test_a_joint_clock_has_all_ticks(ticks: int, first: Fraction, second: Fraction) -> None:
    joint = joint_clock(first, second)
    assert rescale(ticks, first, joint) * joint == ticks * first


def test_conversions_are_exact_far_from_zero() -> None:
    # Ticks of 24000/1001 pictures per second, more than 2^53 nanoseconds after 1970.
    assert (
        rescale(1_790_000_000 * 24_000 + 1001, Fraction(1, 24_000), NANOSECOND) == 1_790_000_000_041_708_333
    )


@given(st.integers(-(2**62), 2**62), st.integers(-(2**32) + 1, 2**32 - 1))
def test_a_stored_time_is_unwrapped_to_the_nearest_time(exact: int, offset: int) -> None:
    assert unwrap(exact % TS_WRAP, exact + offset) == exact


def test_time_stamps_repeat_after_26_and_a_half_hours() -> None:
    assert Fraction(8_589_934_592, 90_000) == TS_WRAP * TS_TICK
    assert unwrap(5, TS_WRAP - 5) == TS_WRAP + 5
    assert unwrap(TS_WRAP - 5, TS_WRAP + 5) == TS_WRAP - 5
