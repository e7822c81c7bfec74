"""Time ranges as clients write them, with their meaning in the BBC's library."""

from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import strategies as st
from mediatimestamp import TimeRange, Timestamp

from services.shared.timerange import MAX_NS, MIN_NS

# The number of ticks of a timeline.
TICKS = 12
# The distance of the ticks of a timeline, and its start, in nanoseconds.
_SCALES = (
    (1, 0),
    (1, -TICKS // 2),
    (1_000_000_000, 0),
    (40_000_000, 10**18),
    (2**59, -(2**62)),
    (1, MIN_NS + 1),
    (1, MAX_NS - 1 - TICKS),
)


class Written(NamedTuple):
    """A range: its text, and its meaning as a range of nanoseconds with both ends inclusive."""

    text: str
    meaning: TimeRange


class Timeline(NamedTuple):
    """Segments that do not overlap, ascending, and moments at and next to their ends."""

    segments: list[Written]
    moments: list[int]


def read(text: str) -> Written:
    """The range of a text."""
    return Written(text, inclusive(TimeRange.from_str(text)))


def inclusive(found: TimeRange) -> TimeRange:
    """The range of the same nanoseconds with both ends inclusive."""
    start, end = found.start, found.end
    if start is not None and not found.includes_start():
        start = Timestamp.from_nanosec(start.to_nanosec() + 1)
    if end is not None and not found.includes_end():
        end = Timestamp.from_nanosec(end.to_nanosec() - 1)
    if found.is_empty() or (start is not None and end is not None and start > end):
        return TimeRange.never()
    return TimeRange(start, end)


def canonical(text: str) -> str:
    """The text as the library writes it."""
    return str(TimeRange.from_str(text).to_sec_nsec_range())


def spanning(texts: Sequence[str]) -> str:
    """The smallest range that covers the ranges of all texts."""
    whole = TimeRange.never()
    for text in texts:
        whole = whole.extend_to_encompass_timerange(TimeRange.from_str(text))
    return str(whole.to_sec_nsec_range())


def stamp(nanoseconds: int) -> str:
    """The text of a moment."""
    return str(Timestamp.from_nanosec(nanoseconds).to_sec_nsec())


@st.composite
def timelines(draw: st.DrawFn) -> Timeline:
    """Timelines with up to TICKS + 1 segments, some of which touch."""
    unit, start = draw(st.sampled_from(_SCALES))
    cuts = sorted(draw(st.sets(st.integers(0, TICKS), min_size=1, max_size=TICKS)))
    segments = []
    for low, high in zip(cuts, [*cuts[1:], TICKS + 1], strict=True):
        if draw(st.booleans()):
            ends = start + unit * low, start + unit * high
            segments.append(read(draw(st.sampled_from(_as_segments(*ends, last=high > TICKS)))))
    near = {start + unit * cut + by for cut in (*cuts, TICKS) for by in (-1, 0, 1)}
    return Timeline(segments, sorted(moment for moment in near if MIN_NS < moment < MAX_NS))


def _as_segments(low: int, high: int, *, last: bool) -> list[str]:
    """The texts of segments that start at `low` and end before `high`."""
    instant = [f"[{stamp(low)}]", f"[{stamp(low)}_{stamp(low)}]"]
    if last:
        return instant
    return [f"[{stamp(low)}_{stamp(high)})", f"[{stamp(low)}_{stamp(high - 1)}]", *instant]


def ranges(moments: Sequence[int]) -> st.SearchStrategy[Written]:
    """Ranges of every form with ends at some of the moments."""
    moment = st.sampled_from(moments).map(stamp)
    opening, closing = st.sampled_from(["[", "(", ""]), st.sampled_from(["]", ")", ""])
    texts = st.one_of(
        st.sampled_from(["_", "[_]", "(_)", "()", "[]"]),
        moment,
        st.builds("[{}]".format, moment),
        st.builds("{}{}_".format, opening, moment),
        st.builds("_{}{}".format, moment, closing),
        st.builds("{}{}_{}{}".format, opening, moment, moment, closing),
    )
    return texts.map(read)
