"""Exact arithmetic on media time: integers and fractions, never floats.

A timestamp in a media file counts ticks of a clock, a fraction of a second such as 1/12800. Flows count
nanoseconds. MPEG-TS counts 1/90000 s in 33 bits, so a stored time stamp repeats after 2^33 ticks, about
26.5 hours (ISO/IEC 13818-1, 2.4.3.7).

Every conversion rounds to the nearest tick, halves upwards. Equal ticks therefore give equal nanoseconds:
if one segment ends and the next begins on the same tick, their timeranges touch exactly.
"""

from fractions import Fraction
from math import lcm
from typing import Final

NS: Final = 1_000_000_000
NANOSECOND: Final = Fraction(1, NS)
TS_TICK: Final = Fraction(1, 90_000)
TS_WRAP: Final = 1 << 33

# A track of an MP4 file keeps its clock rate in 32 bits (ISO/IEC 14496-12, 8.4.2).
MAX_RATE: Final = (1 << 31) - 1


def nearest(numerator: int, denominator: int) -> int:
    """The integer nearest to a quotient, halves upwards; the denominator is positive."""
    return (2 * numerator + denominator) // (2 * denominator)


def rescale(ticks: int, clock: Fraction, other: Fraction) -> int:
    """Convert a number of ticks of `clock` to ticks of `other`."""
    ratio = clock / other
    return nearest(ticks * ratio.numerator, ratio.denominator)


def unwrap(stored: int, expected: int) -> int:
    """The time nearest to `expected` whose 33-bit count equals that of `stored`, in ticks of 1/90000 s."""
    return expected + (stored - expected + TS_WRAP // 2) % TS_WRAP - TS_WRAP // 2


def joint_clock(*clocks: Fraction) -> Fraction:
    """The coarsest clock that has all ticks of all clocks; they are fractions with numerator 1."""
    return Fraction(1, lcm(*(clock.denominator for clock in clocks)))
