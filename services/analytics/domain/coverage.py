"""Which parts of a timeline hold media: stretches without a gap, and the gaps between them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from services.shared.timerange import NEVER, TimeRange


@dataclass(frozen=True, slots=True)
class Span:
    """A bounded, non-empty part of a timeline: start <= t < end, nanoseconds."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Stretches:
    """The first stretches within a range, ascending and never touching, and totals over all of them."""

    first: Sequence[Span] = ()
    count: int = 0
    covered_ns: int = 0
    segments: int = 0
    # Whether the stretches reach the first and the last instant of the range.
    at_start: bool = False
    at_end: bool = False


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a range holds; the lists may be shorter than their counts."""

    timerange: TimeRange
    covered: Sequence[Span] = ()
    gaps: Sequence[Span] = ()
    covered_ns: int = 0
    gap_ns: int = 0
    segment_count: int = 0
    covered_count: int = 0
    gap_count: int = 0


def window(asked: TimeRange, extent: TimeRange) -> TimeRange:
    """The range to look at: the asked one, a missing bound taken from the flow's extent."""
    if not asked.bounded and extent.empty:
        return NEVER
    start = extent.start if asked.start is None else asked.start
    last = extent if asked.end is None else asked
    found = TimeRange(start, last.end, last.end_inclusive)
    return NEVER if found.empty else found


def coverage(within: TimeRange, found: Stretches, limit: int) -> Coverage:
    """The coverage of a bounded range; `found.first` holds one stretch more than `limit`, if there is one."""
    if within.start is None or within.end is None or within.empty:
        return Coverage(NEVER)
    whole = Span(within.start, within.end)
    complete = len(found.first) == found.count
    return Coverage(
        timerange=within,
        covered=found.first[:limit],
        gaps=list(_gaps(whole, found.first, complete=complete))[:limit],
        covered_ns=found.covered_ns,
        gap_ns=whole.end - whole.start - found.covered_ns,
        segment_count=found.segments,
        covered_count=found.count,
        gap_count=found.count + 1 - found.at_start - found.at_end,
    )


def _gaps(whole: Span, stretches: Iterable[Span], *, complete: bool) -> Iterator[Span]:
    """The gaps before each stretch, and after the last one when the stretches are complete."""
    at = whole.start
    for stretch in stretches:
        if at < stretch.start:
            yield Span(at, stretch.start)
        at = stretch.end
    if complete and at < whole.end:
        yield Span(at, whole.end)
