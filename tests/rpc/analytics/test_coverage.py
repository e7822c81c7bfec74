import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.analytics.application.coverage import FlowCoverage
from services.analytics.domain.coverage import Span
from services.analytics.servicers.convert import coverage_response
from services.shared.errors import NotFound
from services.shared.timerange import MAX_NS, MIN_NS, NS, TimeRange
from tests.support.timelines import LENGTH, PlainTimelines, bounds, segment_lists

FLOW = "00000000-0000-4000-8000-000000000001"
OTHER = "00000000-0000-4000-8000-000000000002"


def spans(ranges) -> list[tuple[int, int]]:
    return [(one.start_ns, one.end_ns) for one in ranges]


# The tables are emptied before each example.
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    segments=segment_lists(),
    others=segment_lists(),
    asked=st.tuples(bounds(), bounds()),
    limit=st.integers(1, 8),
    origin=st.sampled_from([0, 1_700_000_000 * NS, MIN_NS + 5, MAX_NS - LENGTH - 5]),
)
async def test_agrees_with_the_plain_model(tables, analytics, *, segments, others, asked, limit, origin):
    def moved(listed: list[Span]) -> list[tuple[int, int]]:
        return [(origin + one.start, origin + one.end) for one in listed]

    start, end = (None if at is None else origin + at for at in asked)
    tables.clear()
    tables.flow(FLOW, moved(segments))
    tables.flow(OTHER, moved(others))
    plain = FlowCoverage(PlainTimelines({FLOW: [Span(*one) for one in moved(segments)]}))
    expected = await plain.get(FLOW, TimeRange(start, end), limit)
    found = await analytics.coverage(FLOW, start, end, ranges=limit)
    assert found == coverage_response(expected)


async def test_a_range_is_clipped_to_the_segments_it_cuts(tables, analytics):
    tables.flow(FLOW, [(at * NS, (at + 1) * NS) for at in (0, 1, 2, 5, 6)])
    found = await analytics.coverage(FLOW, NS // 2, 6 * NS + 1)
    assert spans(found.covered) == [(NS // 2, 3 * NS), (5 * NS, 6 * NS + 1)]
    assert spans(found.gaps) == [(3 * NS, 5 * NS)]
    assert (found.segment_count, found.covered_ns, found.gap_ns) == (5, 3 * NS + NS // 2 + 1, 2 * NS)


async def test_missing_bounds_are_the_flow_s_own_and_keep_its_inclusive_end(tables, analytics):
    tables.flow(FLOW, [(-5, 10), (12, 20)], end_inclusive=True)
    found = await analytics.coverage(FLOW)
    assert (found.timerange.start_ns, found.timerange.end_ns) == (-5, 20)
    assert found.timerange.end_inclusive
    assert spans(found.gaps) == [(10, 12)]


async def test_a_flow_without_segments_has_an_empty_range(tables, analytics):
    tables.flow(FLOW)
    found = await analytics.coverage(FLOW)
    assert found.timerange.start_ns >= found.timerange.end_ns
    assert not found.covered
    assert not found.gaps
    assert spans((await analytics.coverage(FLOW, 0, 9)).gaps) == [(0, 9)]


async def test_the_whole_of_int64_needs_no_wider_number(tables, analytics):
    tables.flow(FLOW, [(MIN_NS, MIN_NS + 1), (MAX_NS - 1, MAX_NS)])
    found = await analytics.coverage(FLOW)
    assert found.gap_ns == 2**64 - 3
    assert spans(found.gaps) == [(MIN_NS + 1, MAX_NS - 1)]
    tables.flow(OTHER, [(MIN_NS, MAX_NS)])
    assert (await analytics.coverage(OTHER, MIN_NS, MAX_NS)).covered_ns == 2**64 - 1


async def test_lists_are_cut_and_counts_are_not(tables, analytics):
    tables.flow(FLOW, [(10 * n, 10 * n + 5) for n in range(12_000)])
    found = await analytics.coverage(FLOW, ranges=3)
    assert spans(found.covered) == [(0, 5), (10, 15), (20, 25)]
    assert spans(found.gaps) == [(5, 10), (15, 20), (25, 30)]
    assert (found.covered_count, found.gap_count) == (12_000, 11_999)
    assert len((await analytics.coverage(FLOW)).covered) == 1000
    assert len((await analytics.coverage(FLOW, ranges=2**31 - 1)).covered) == 10_000
    assert len((await analytics.coverage(FLOW, ranges=-1)).covered) == 1000


@pytest.mark.parametrize("flow_id", ["", "nonsense", OTHER, "' OR 1=1 --"])
async def test_an_unknown_or_malformed_flow_is_not_found(tables, analytics, flow_id):
    tables.flow(FLOW)
    with pytest.raises(NotFound) as caught:
        await analytics.coverage(flow_id)
    assert caught.value.reason == "FLOW_NOT_FOUND"


async def test_answers_while_a_writer_writes(tables, analytics):
    tables.flow(FLOW, [(0, NS)])
    seen = []

    def write() -> None:
        for at in range(1, 300):
            tables.segments(FLOW, [(at * NS, (at + 1) * NS)])

    writing = asyncio.create_task(asyncio.to_thread(write))
    while not writing.done():
        found = await analytics.coverage(FLOW)
        assert found.covered_ns == found.segment_count * NS
        assert found.gap_count == 0
        seen.append(found.segment_count)
    await writing
    assert seen == sorted(seen)
    assert (await analytics.coverage(FLOW)).segment_count == 300
