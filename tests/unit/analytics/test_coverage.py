import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.application.coverage import FlowCoverage
from services.analytics.domain.coverage import Coverage, Span, Stretches, coverage, examined_range
from services.shared.access.principal import Principal, Scope
from services.shared.errors import NotFound
from services.shared.timerange import ETERNITY, NEVER, TimeRange
from tests.support.access.callers import caller_is
from tests.support.models.timelines import PlainFlows, PlainTimelines, bounds, instants, runs, segment_lists

FLOW = "00000000-0000-4000-8000-000000000001"
OTHER = "00000000-0000-4000-8000-000000000002"


def span(timerange: TimeRange) -> Span:
    assert timerange.start is not None
    assert timerange.end is not None
    return Span(timerange.start, timerange.end)


async def coverage_of(segments: list[Span], timerange: TimeRange, limit: int = 1000) -> Coverage:
    return await FlowCoverage(PlainTimelines({FLOW: segments}), PlainFlows()).get(FLOW, timerange, limit)


@given(segment_lists(), bounds(), bounds(), st.integers(1, 8))
async def test_covered_ranges_and_gaps_agree_with_sets_of_instants(
    segments: list[Span], start: int | None, end: int | None, limit: int
) -> None:
    result = await coverage_of(segments, TimeRange(start, end), limit)
    whole = instants([span(result.timerange)])
    covered = instants(segments) & whole
    assert list(result.covered) == runs(covered)[:limit]
    assert list(result.gaps) == runs(whole - covered)[:limit]
    assert (result.covered_ns, result.gap_ns) == (len(covered), len(whole - covered))
    assert (result.covered_count, result.gap_count) == (len(runs(covered)), len(runs(whole - covered)))
    assert result.segment_count == sum(bool(instants([segment]) & whole) for segment in segments)


@given(segment_lists(), bounds(), bounds())
async def test_a_missing_bound_is_that_of_the_extent(
    segments: list[Span], start: int | None, end: int | None
) -> None:
    examined = (await coverage_of(segments, TimeRange(start, end))).timerange
    if not segments and (start is None or end is None):
        assert examined == NEVER
        return
    first = segments[0].start if start is None else start
    last = segments[-1].end if end is None else end
    assert examined == (TimeRange(first, last) if first < last else NEVER)


async def test_gaps_are_listed_before_between_and_after_segments() -> None:
    result = await coverage_of([Span(10, 20), Span(20, 30), Span(35, 40)], TimeRange(5, 50))
    assert list(result.covered) == [Span(10, 30), Span(35, 40)]
    assert list(result.gaps) == [Span(5, 10), Span(30, 35), Span(40, 50)]


async def test_the_last_listed_gap_can_end_at_an_unlisted_stretch() -> None:
    result = await coverage_of([Span(0, 1), Span(2, 3), Span(4, 5)], ETERNITY, 1)
    assert list(result.covered) == [Span(0, 1)]
    assert list(result.gaps) == [Span(1, 2)]
    assert (result.covered_count, result.gap_count) == (3, 2)


async def test_a_flow_without_segments_has_only_gaps() -> None:
    assert await coverage_of([], ETERNITY) == Coverage(NEVER)
    assert list((await coverage_of([], TimeRange(3, 7))).gaps) == [Span(3, 7)]


async def test_an_empty_timerange_has_no_coverage() -> None:
    assert await coverage_of([Span(0, 10)], TimeRange(5, 5)) == Coverage(NEVER)
    assert await coverage_of([Span(0, 10)], TimeRange(7, 3)) == Coverage(NEVER)


async def test_the_examined_range_keeps_the_notation_of_its_end() -> None:
    extent = TimeRange(0, 10, end_inclusive=True)
    assert examined_range(ETERNITY, extent) == extent
    assert examined_range(TimeRange(None, 8), extent) == TimeRange(0, 8)
    assert examined_range(TimeRange(2, 8, end_inclusive=True), extent) == TimeRange(2, 8, end_inclusive=True)


def test_lengths_can_need_64_bits() -> None:
    widest = TimeRange(-(2**63), 2**63 - 1)
    result = coverage(widest, Stretches(), 1)
    assert result.gap_ns == 2**64 - 1
    assert list(result.gaps) == [Span(-(2**63), 2**63 - 1)]


@pytest.mark.parametrize("flow_id", ["", "nonsense", FLOW.replace("1", "2"), FLOW.upper() + "0"])
async def test_an_unknown_or_malformed_flow_is_not_found(flow_id: str) -> None:
    with pytest.raises(NotFound) as caught:
        await FlowCoverage(PlainTimelines({FLOW: []}), PlainFlows(FLOW)).get(flow_id, ETERNITY, 10)
    assert caught.value.reason == "FLOW_NOT_FOUND"


@pytest.mark.parametrize("classes", [frozenset(), frozenset({"news"})])
async def test_a_caller_with_some_classes_gets_the_coverage_of_flows_that_it_sees(
    classes: frozenset[str],
) -> None:
    timelines = PlainTimelines({FLOW: [Span(0, 10)]})
    with caller_is(Principal("jwt:bob", frozenset({Scope.READ}), classes=classes)):
        seen = await FlowCoverage(timelines, PlainFlows(FLOW)).get(FLOW, ETERNITY, 10)
        assert seen.covered_ns == 10
        with pytest.raises(NotFound) as hidden:
            await FlowCoverage(timelines, PlainFlows()).get(FLOW, ETERNITY, 10)
        with pytest.raises(NotFound) as unknown:
            await FlowCoverage(timelines, PlainFlows(OTHER)).get(OTHER, ETERNITY, 10)
    assert str(hidden.value) == str(unknown.value)
