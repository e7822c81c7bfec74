import asyncio
from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tams.type.v1 import timerange_pb2 as pb

from services.analytics.application.coverage import FlowCoverage
from services.analytics.domain.coverage import Span
from services.analytics.servicers.convert import coverage_response
from services.shared.errors import NotFound
from services.shared.timerange import MAX_NS, MIN_NS, NS, TimeRange
from tests.rpc.analytics.conftest import Analytics, Writer, on_both_engines
from tests.support.models.timelines import LENGTH, PlainFlows, PlainTimelines, bounds, segment_lists

pytestmark = on_both_engines

FLOW = "00000000-0000-4000-8000-000000000001"
OTHER = "00000000-0000-4000-8000-000000000002"


def spans(ranges: Iterable[pb.TimeRange]) -> list[tuple[int, int]]:
    return [(timerange.start_ns, timerange.end_ns) for timerange in ranges]


# The tables are emptied before each example.
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    segments=segment_lists(),
    others=segment_lists(),
    bounds_in_query=st.tuples(bounds(), bounds()),
    limit=st.integers(1, 8),
    origin=st.sampled_from([0, 1_700_000_000 * NS, MIN_NS + 5, MAX_NS - LENGTH - 5]),
)
async def test_coverage_agrees_with_the_simple_model(
    tables: Writer,
    analytics: Analytics,
    *,
    segments: list[Span],
    others: list[Span],
    bounds_in_query: tuple[int | None, int | None],
    limit: int,
    origin: int,
) -> None:
    def shift(spans: list[Span]) -> list[tuple[int, int]]:
        return [(origin + span.start, origin + span.end) for span in spans]

    start, end = (None if bound is None else origin + bound for bound in bounds_in_query)
    tables.clear()
    tables.flow(FLOW, shift(segments))
    tables.flow(OTHER, shift(others))
    model = FlowCoverage(PlainTimelines({FLOW: [Span(*span) for span in shift(segments)]}), PlainFlows())
    expected = await model.get(FLOW, TimeRange(start, end), limit)
    coverage = await analytics.coverage(FLOW, start, end, ranges=limit)
    assert coverage == coverage_response(expected)


async def test_covered_ranges_and_gaps_are_clipped_to_the_range(tables: Writer, analytics: Analytics) -> None:
    tables.flow(FLOW, [(second * NS, (second + 1) * NS) for second in (0, 1, 2, 5, 6)])
    coverage = await analytics.coverage(FLOW, NS // 2, 6 * NS + 1)
    assert spans(coverage.covered) == [(NS // 2, 3 * NS), (5 * NS, 6 * NS + 1)]
    assert spans(coverage.gaps) == [(3 * NS, 5 * NS)]
    assert (coverage.segment_count, coverage.covered_ns, coverage.gap_ns) == (5, 3 * NS + NS // 2 + 1, 2 * NS)


async def test_missing_bounds_are_those_of_the_extent(tables: Writer, analytics: Analytics) -> None:
    tables.flow(FLOW, [(-5, 10), (12, 20)], end_inclusive=True)
    coverage = await analytics.coverage(FLOW)
    assert (coverage.timerange.start_ns, coverage.timerange.end_ns) == (-5, 20)
    assert coverage.timerange.end_inclusive
    assert spans(coverage.gaps) == [(10, 12)]


async def test_a_flow_without_segments_has_an_empty_range(tables: Writer, analytics: Analytics) -> None:
    tables.flow(FLOW)
    coverage = await analytics.coverage(FLOW)
    assert coverage.timerange.start_ns >= coverage.timerange.end_ns
    assert not coverage.covered
    assert not coverage.gaps
    assert spans((await analytics.coverage(FLOW, 0, 9)).gaps) == [(0, 9)]


async def test_coverage_of_the_whole_int64_range_is_exact(tables: Writer, analytics: Analytics) -> None:
    tables.flow(FLOW, [(MIN_NS, MIN_NS + 1), (MAX_NS - 1, MAX_NS)])
    coverage = await analytics.coverage(FLOW)
    assert coverage.gap_ns == 2**64 - 3
    assert spans(coverage.gaps) == [(MIN_NS + 1, MAX_NS - 1)]
    tables.flow(OTHER, [(MIN_NS, MAX_NS)])
    assert (await analytics.coverage(OTHER, MIN_NS, MAX_NS)).covered_ns == 2**64 - 1


async def test_long_lists_are_cut_and_counts_are_complete(tables: Writer, analytics: Analytics) -> None:
    tables.flow(FLOW, [(10 * n, 10 * n + 5) for n in range(12_000)])
    coverage = await analytics.coverage(FLOW, ranges=3)
    assert spans(coverage.covered) == [(0, 5), (10, 15), (20, 25)]
    assert spans(coverage.gaps) == [(5, 10), (15, 20), (25, 30)]
    assert (coverage.covered_count, coverage.gap_count) == (12_000, 11_999)
    assert len((await analytics.coverage(FLOW)).covered) == 1000
    assert len((await analytics.coverage(FLOW, ranges=2**31 - 1)).covered) == 10_000
    assert len((await analytics.coverage(FLOW, ranges=-1)).covered) == 1000


@pytest.mark.parametrize("flow_id", ["", "nonsense", OTHER, "' OR 1=1 --"])
async def test_an_unknown_or_malformed_flow_is_not_found(
    tables: Writer, analytics: Analytics, flow_id: str
) -> None:
    tables.flow(FLOW)
    with pytest.raises(NotFound) as caught:
        await analytics.coverage(flow_id)
    assert caught.value.reason == "FLOW_NOT_FOUND"


async def test_coverage_is_consistent_while_segments_are_written(
    tables: Writer, analytics: Analytics
) -> None:
    tables.flow(FLOW, [(0, NS)])
    segment_counts = []

    def write() -> None:
        for second in range(1, 300):
            tables.segments(FLOW, [(second * NS, (second + 1) * NS)])

    writing = asyncio.create_task(asyncio.to_thread(write))
    while not writing.done():
        coverage = await analytics.coverage(FLOW)
        assert coverage.covered_ns == coverage.segment_count * NS
        assert coverage.gap_count == 0
        segment_counts.append(coverage.segment_count)
    await writing
    assert segment_counts == sorted(segment_counts)
    assert (await analytics.coverage(FLOW)).segment_count == 300
