"""Timelines as sets of instants, a plain model to compare the real ones with."""

from collections.abc import Iterable
from itertools import pairwise

from hypothesis import strategies as st

from services.analytics.domain.coverage import Span, Stretches
from services.shared.timerange import NEVER, TimeRange

# Instants of generated timelines lie within 0 <= t < LENGTH.
LENGTH = 40


@st.composite
def segment_lists(draw: st.DrawFn) -> list[Span]:
    """Segments of one flow: ascending, never overlapping, some of them touching."""
    cuts = sorted(draw(st.sets(st.integers(0, LENGTH), max_size=14)))
    spans = [Span(*pair) for pair in pairwise(cuts)]
    return [span for span in spans if draw(st.booleans())]


def bounds() -> st.SearchStrategy[int | None]:
    """Bounds of ranges in queries, some outside any timeline."""
    return st.none() | st.integers(-5, LENGTH + 5)


def instants(spans: Iterable[Span]) -> set[int]:
    """The instants in the spans."""
    return {t for span in spans for t in range(span.start, span.end)}


def runs(points: set[int]) -> list[Span]:
    """The instants as the fewest spans, ascending."""
    starts = sorted(t for t in points if t - 1 not in points)
    ends = sorted(t + 1 for t in points if t + 1 not in points)
    return [Span(*pair) for pair in zip(starts, ends, strict=True)]


class PlainFlows:
    """Flows of which the present caller sees those with these ids."""

    def __init__(self, *visible: str) -> None:
        self.visible = visible

    async def sees(self, flow_id: str) -> bool:
        """True if the caller sees the flow."""
        return flow_id in self.visible


class PlainTimelines:
    """The Timelines port over lists of segments."""

    def __init__(self, flows: dict[str, list[Span]]) -> None:
        self._flows = flows

    async def extent(self, flow_id: str) -> TimeRange | None:
        """From the first instant of the flow's segments to the last; None when there is no such flow."""
        if (segments := self._flows.get(flow_id)) is None:
            return None
        return TimeRange(segments[0].start, segments[-1].end) if segments else NEVER

    async def stretches(self, flow_id: str, within: Span, limit: int) -> Stretches:
        """The stretches that the flow's segments cover within a span; at most `limit` listed."""
        segments = self._flows[flow_id]
        covered = instants(segments) & instants([within])
        return Stretches(
            first=runs(covered)[:limit],
            count=len(runs(covered)),
            covered_ns=len(covered),
            segments=sum(bool(instants([segment]) & covered) for segment in segments),
            at_start=within.start in covered,
            at_end=within.end - 1 in covered,
        )
