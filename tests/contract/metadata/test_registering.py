"""A list of segments comes out as one call for each of them would."""

import itertools
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metadata.application.segments import Failed
from services.metadata.domain.segment import ExternalUrl, Segment
from services.shared.timerange import TimeRange
from tests.support.effort import examples
from tests.support.flows import flow_id
from tests.support.metadata import Metadata, an_object

shared_store = examples(12, vast=12)
fresh = itertools.count(1)

TIMES = st.integers(0, 100)
COUNTS = st.none() | st.integers(-1, 2)
# Reserved for the flow, for another one, and for nobody.
OWN, FOREIGN, UNKNOWN = [f"own {number}" for number in range(8)], ["foreign"], ["unknown", "", "a\0b"]


def segments(ranges: st.SearchStrategy[TimeRange], names: Sequence[str]) -> st.SearchStrategy[Segment]:
    return st.builds(
        Segment,
        st.sampled_from(names),
        ranges,
        sample_count=st.none() | st.integers(0, 2),
        external_urls=st.sampled_from([(), (), (), (ExternalUrl("https://example.com"),)]),
    )


def in_time(names: Sequence[str]) -> st.SearchStrategy[Segment]:
    lengths = st.integers(1, 20)
    return segments(st.builds(lambda start, length: TimeRange(start, start + length), TIMES, lengths), names)


@st.composite
def sound_lists(draw: st.DrawFn) -> list[Segment]:
    """In order of time, of objects that wait for the flow: what clients mostly send."""
    cuts = sorted(draw(st.sets(TIMES, min_size=6, max_size=12)))
    ranges = itertools.starmap(TimeRange, itertools.pairwise(cuts))
    return [draw(segments(st.just(one), OWN)) for one in ranges]


odd = st.one_of(
    in_time(OWN),
    segments(st.just(TimeRange(200, 201)), FOREIGN),
    segments(st.just(TimeRange(200, 201)), UNKNOWN),
    segments(st.builds(TimeRange, st.none() | TIMES, st.none() | TIMES, st.booleans()), OWN),
    st.builds(Segment, st.just("own 0"), st.just(TimeRange(300, 301)), st.just(0), *[COUNTS] * 4),
)


@st.composite
def lists(draw: st.DrawFn) -> list[Segment]:
    """Sound lists with some odd segments among them, or none."""
    found = draw(sound_lists())
    for one in draw(st.lists(odd, max_size=2)):
        found.insert(len(found) if draw(st.booleans()) else draw(st.integers(0, len(found))), one)
    return found


async def outcome(
    metadata: Metadata, lots: Sequence[Sequence[Segment]]
) -> tuple[list[tuple[str, str]], list[Any]]:
    """What fails and what is stored in a new flow when segments are registered in these lots."""
    number, other = next(fresh), next(fresh)
    await metadata.put_flows((number, other))
    for owner, names in ((number, [*OWN, "before"]), (other, FOREIGN)):
        await metadata.objects.reserve(
            flow_id(owner), [an_object(f"{number} {name}", owner) for name in names]
        )
    failed: list[tuple[str, str]] = []
    for lot in lots:
        named = [one._replace(object_id=one.object_id and f"{number} {one.object_id}") for one in lot]
        found: list[Failed] = await metadata.register(number, *named)
        failed += [(str(lot[one.index]), one.error.reason) for one in found]
    stored = [json.loads(one.document) for one in await metadata.all_segments(number)]
    return failed, [one | {"object_id": one["object_id"].removeprefix(f"{number} ")} for one in stored]


@shared_store
@given(st.lists(in_time(["before"]), max_size=1), lists())
async def test_a_list_comes_out_as_one_call_for_each(
    metadata: Metadata, before: list[Segment], segments: list[Segment]
) -> None:
    one_by_one = [[one] for one in segments]
    assert await outcome(metadata, [before, segments]) == await outcome(metadata, [before, *one_by_one])


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (Segment("own 0", TimeRange(45, 55)), "SEGMENT_OVERLAP"),
        (Segment("own 0", TimeRange(65, 75)), "SEGMENT_OVERLAP"),
        (Segment("own 0", TimeRange(60, None)), "BAD_SEGMENT"),
        (Segment("own 0", TimeRange(60, 60)), "BAD_SEGMENT"),
        (Segment("own 0", TimeRange(60, 65), sample_count=-1), "BAD_SEGMENT"),
        (Segment("foreign", TimeRange(60, 65)), "FOREIGN_OBJECT"),
        (Segment("unknown", TimeRange(60, 65)), "UNKNOWN_OBJECT"),
    ],
)
async def test_one_odd_segment_at_the_end_of_a_list(metadata: Metadata, odd: Segment, reason: str) -> None:
    before = Segment("before", TimeRange(70, 80))
    sound = [Segment(f"own {at}", TimeRange(at * 10, at * 10 + 10)) for at in range(6)]
    failed, stored = await outcome(metadata, [[before], [*sound, odd]])
    assert failed == [(str(odd), reason)]
    assert len(stored) == 7
