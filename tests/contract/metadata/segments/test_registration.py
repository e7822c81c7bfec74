"""The registration of a list of segments has the same result as a call for each segment."""

import itertools
import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.metadata.application.segments.registration import Failure
from services.metadata.domain.objects.external_url import ExternalUrl
from services.metadata.domain.segments.segment import Segment
from services.shared.timerange import TimeRange
from tests.support.metadata.flows import flow_id
from tests.support.metadata.rules import Metadata, an_object
from tests.support.services.effort import examples

shared_store = examples(12, vast=12)
new_numbers = itertools.count(1)

TIMES = st.integers(0, 100)
COUNTS = st.none() | st.integers(-1, 2)
# Objects reserved for the flow, for another flow, and for no flow.
OWN, FOREIGN, UNKNOWN = [f"own {number}" for number in range(8)], ["foreign"], ["unknown", "", "a\0b"]


def segments(ranges: st.SearchStrategy[TimeRange], names: Sequence[str]) -> st.SearchStrategy[Segment[str]]:
    return st.builds(
        Segment,
        st.sampled_from(names),
        ranges,
        sample_count=st.none() | st.integers(0, 2),
        external_urls=st.sampled_from([(), (), (), (ExternalUrl("https://example.com"),)]),
    )


def timed_segments(names: Sequence[str]) -> st.SearchStrategy[Segment[str]]:
    lengths = st.integers(1, 20)
    return segments(st.builds(lambda start, length: TimeRange(start, start + length), TIMES, lengths), names)


@st.composite
def valid_lists(draw: st.DrawFn) -> list[Segment[str]]:
    """Lists as most clients send them: in the order of time, of objects reserved for the flow."""
    cuts = sorted(draw(st.sets(TIMES, min_size=6, max_size=12)))
    ranges = itertools.starmap(TimeRange, itertools.pairwise(cuts))
    return [draw(segments(st.just(timerange), OWN)) for timerange in ranges]


invalid_segments = st.one_of(
    timed_segments(OWN),
    segments(st.just(TimeRange(200, 201)), FOREIGN),
    segments(st.just(TimeRange(200, 201)), UNKNOWN),
    segments(st.builds(TimeRange, st.none() | TIMES, st.none() | TIMES, st.booleans()), OWN),
    st.builds(Segment[str], st.just("own 0"), st.just(TimeRange(300, 301)), st.just(0), *[COUNTS] * 4),
)


@st.composite
def lists(draw: st.DrawFn) -> list[Segment[str]]:
    """Valid lists with up to two segments among them that may be invalid."""
    segments = draw(valid_lists())
    for segment in draw(st.lists(invalid_segments, max_size=2)):
        segments.insert(
            len(segments) if draw(st.booleans()) else draw(st.integers(0, len(segments))), segment
        )
    return segments


async def outcome(
    metadata: Metadata, calls: Sequence[Sequence[Segment[str]]]
) -> tuple[list[tuple[str, str]], list[Any]]:
    """The failures and the stored segments of a new flow whose segments are registered in these calls."""
    number, other = next(new_numbers), next(new_numbers)
    await metadata.put_flows((number, other))
    for owner, names in ((number, [*OWN, "before"]), (other, FOREIGN)):
        await metadata.objects.reserve(flow_id(owner), [an_object(f"{number} {name}") for name in names])
    failed: list[tuple[str, str]] = []
    for call in calls:
        named = [
            segment._replace(object_id=segment.object_id and f"{number} {segment.object_id}")
            for segment in call
        ]
        failures: list[Failure] = await metadata.register(number, *named)
        failed += [(str(call[failure.index]), failure.error.reason) for failure in failures]
    stored = [json.loads(segment.document) for segment in await metadata.all_segments(number)]
    return failed, [
        document | {"object_id": document["object_id"].removeprefix(f"{number} ")} for document in stored
    ]


@shared_store
@given(st.lists(timed_segments(["before"]), max_size=1), lists())
async def test_a_list_has_the_same_result_as_single_calls(
    metadata: Metadata, before: list[Segment[str]], segments: list[Segment[str]]
) -> None:
    single_calls = [[segment] for segment in segments]
    assert await outcome(metadata, [before, segments]) == await outcome(metadata, [before, *single_calls])
