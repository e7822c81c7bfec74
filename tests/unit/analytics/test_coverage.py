import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.application.coverage import FlowCoverage
from services.analytics.domain.coverage import Coverage, Span, Stretches, coverage, window
from services.shared.errors import NotFound
from services.shared.timerange import ETERNITY, NEVER, TimeRange
from tests.support.timelines import PlainTimelines, bounds, instants, runs, segment_lists

FLOW = "00000000-0000-4000-8000-000000000001"


async def ask(segments: list[Span], asked: TimeRange, limit: int = 1000) -> Coverage:
    return await FlowCoverage(PlainTimelines({FLOW: segments})).get(FLOW, asked, limit)


@given(segment_lists(), bounds(), bounds(), st.integers(1, 8))
async def test_covered_and_gaps_are_what_the_instants_say(segments, start, end, limit):
    found = await ask(segments, TimeRange(start, end), limit)
    whole = instants([Span(found.timerange.start, found.timerange.end)])
    covered = instants(segments) & whole
    assert list(found.covered) == runs(covered)[:limit]
    assert list(found.gaps) == runs(whole - covered)[:limit]
    assert (found.covered_ns, found.gap_ns) == (len(covered), len(whole - covered))
    assert (found.covered_count, found.gap_count) == (len(runs(covered)), len(runs(whole - covered)))
    assert found.segment_count == sum(bool(instants([one]) & whole) for one in segments)


@given(segment_lists(), bounds(), bounds())
async def test_a_missing_bound_is_the_flow_s_own(segments, start, end):
    found = (await ask(segments, TimeRange(start, end))).timerange
    if not segments and (start is None or end is None):
        assert found == NEVER
        return
    first = segments[0].start if start is None else start
    last = segments[-1].end if end is None else end
    assert found == (TimeRange(first, last) if first < last else NEVER)


async def test_gaps_are_inside_before_and_after():
    found = await ask([Span(10, 20), Span(20, 30), Span(35, 40)], TimeRange(5, 50))
    assert list(found.covered) == [Span(10, 30), Span(35, 40)]
    assert list(found.gaps) == [Span(5, 10), Span(30, 35), Span(40, 50)]


async def test_the_last_listed_gap_ends_at_a_stretch_that_is_not_listed():
    found = await ask([Span(0, 1), Span(2, 3), Span(4, 5)], ETERNITY, 1)
    assert list(found.covered) == [Span(0, 1)]
    assert list(found.gaps) == [Span(1, 2)]
    assert (found.covered_count, found.gap_count) == (3, 2)


async def test_a_flow_without_segments_covers_nothing():
    assert await ask([], ETERNITY) == Coverage(NEVER)
    assert list((await ask([], TimeRange(3, 7))).gaps) == [Span(3, 7)]


async def test_an_empty_range_holds_nothing():
    assert await ask([Span(0, 10)], TimeRange(5, 5)) == Coverage(NEVER)
    assert await ask([Span(0, 10)], TimeRange(7, 3)) == Coverage(NEVER)


async def test_the_range_keeps_how_its_end_is_written():
    extent = TimeRange(0, 10, end_inclusive=True)
    assert window(ETERNITY, extent) == extent
    assert window(TimeRange(None, 8), extent) == TimeRange(0, 8)
    assert window(TimeRange(2, 8, end_inclusive=True), extent) == TimeRange(2, 8, end_inclusive=True)


def test_lengths_may_need_all_of_64_bits():
    widest = TimeRange(-(2**63), 2**63 - 1)
    found = coverage(widest, Stretches(), 1)
    assert found.gap_ns == 2**64 - 1
    assert list(found.gaps) == [Span(-(2**63), 2**63 - 1)]


@pytest.mark.parametrize("flow_id", ["", "nonsense", FLOW.replace("1", "2"), FLOW.upper() + "0"])
async def test_an_unknown_or_malformed_flow_is_not_found(flow_id):
    with pytest.raises(NotFound) as caught:
        await FlowCoverage(PlainTimelines({FLOW: []})).get(flow_id, ETERNITY, 10)
    assert caught.value.reason == "FLOW_NOT_FOUND"
