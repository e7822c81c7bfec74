"""The coverage of a timeline: stretches with media, and the gaps between them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from services.shared.timerange import NEVER, TimeRange


@dataclass(frozen=True, slots=True)
class Span:
    """A bounded, non-empty part of a timeline: start <= t < end, in nanoseconds."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Stretches:
    """The stretches with media within a range: the first of them in order, and totals of all.

    Stretches do not touch each other. `segments` is the number of segments. `at_start` and `at_end` are True
    if the stretches include the start and the end of the range.
    """

    first: Sequence[Span] = ()
    count: int = 0
    covered_ns: int = 0
    segments: int = 0
    at_start: bool = False
    at_end: bool = False


@dataclass(frozen=True, slots=True)
class Coverage:
    """The coverage of a range: stretches with media and gaps. The lists may be shorter than the counts."""

    timerange: TimeRange
    covered: Sequence[Span] = ()
    gaps: Sequence[Span] = ()
    covered_ns: int = 0
    gap_ns: int = 0
    segment_count: int = 0
    covered_count: int = 0
    gap_count: int = 0


def examined_range(requested: TimeRange, extent: TimeRange) -> TimeRange:
    """The range to examine: the requested one, with missing bounds from the extent of the flow."""
    if not requested.bounded and extent.empty:
        return NEVER
    start = extent.start if requested.start is None else requested.start
    last = extent if requested.end is None else requested
    examined = TimeRange(start, last.end, last.end_inclusive)
    return NEVER if examined.empty else examined


def coverage(within: TimeRange, stretches: Stretches, limit: int) -> Coverage:
    """The coverage of a bounded range.

    `stretches.first` must have `limit` + 1 stretches if there are that many.
    """
    if within.start is None or within.end is None or within.empty:
        return Coverage(NEVER)
    whole = Span(within.start, within.end)
    is_complete = len(stretches.first) == stretches.count
    return Coverage(
        timerange=within,
        covered=stretches.first[:limit],
        gaps=list(_gaps(whole, stretches.first, is_complete=is_complete))[:limit],
        covered_ns=stretches.covered_ns,
        gap_ns=whole.end - whole.start - stretches.covered_ns,
        segment_count=stretches.segments,
        covered_count=stretches.count,
        gap_count=stretches.count + 1 - stretches.at_start - stretches.at_end,
    )


def _gaps(whole: Span, stretches: Iterable[Span], *, is_complete: bool) -> Iterator[Span]:
    """The gaps before each stretch, and after the last one if there are no further stretches."""
    end = whole.start
    for stretch in stretches:
        if end < stretch.start:
            yield Span(end, stretch.start)
        end = stretch.end
    if is_complete and end < whole.end:
        yield Span(end, whole.end)
