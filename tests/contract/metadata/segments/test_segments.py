import json
from collections.abc import Iterable
from typing import Any

import pytest

from services.metadata.application.access import checked_flow_id
from services.metadata.application.ports import SegmentQuery
from services.metadata.application.segments.registration import Failure
from services.metadata.application.segments.segments import Registration
from services.metadata.domain.segments.segment import StoredSegment
from services.shared.errors import FailedPrecondition, InvalidArgument, NotFound, TamsError
from services.shared.paging import encode_token
from services.shared.timerange import ETERNITY, NEVER, TimeRange
from tests.contract.metadata.conftest import Engine
from tests.support.metadata.flows import a_flow, flow_id
from tests.support.metadata.rules import STORAGE, Metadata, a_segment, an_object

INSIDE: dict[str, Any] = {"external_urls": ()}


def reasons(failed: list[Failure]) -> list[tuple[int, str]]:
    return [(failure.index, failure.error.reason) for failure in failed]


def starts(segments: Iterable[StoredSegment]) -> list[int]:
    return [segment.start_ns for segment in segments]


@pytest.fixture(autouse=True)
async def flows(metadata: Metadata) -> None:
    await metadata.put_flows((1, 2))


async def test_segments_are_listed_in_order_with_the_location_of_their_object(metadata: Metadata) -> None:
    await metadata.objects.reserve(flow_id(1), [an_object("in/side")])
    assert await metadata.register(1, a_segment(10, 20, "out"), a_segment(0, 10, "in/side", **INSIDE)) == []
    first, second = await metadata.all_segments(1)
    assert json.loads(first.document) == {
        "object_id": "in/side",
        "timerange": "[0:0_0:10)",
        "ts_offset": "0:0",
    }
    assert (first.storage_id, first.storage_path, first.external_urls) == (STORAGE, "path/in/side", None)
    assert (second.storage_id, second.storage_path) == (None, None)
    assert json.loads(second.external_urls or b"") == [{"url": "https://example.com/object"}]
    assert starts(await metadata.all_segments(1, reverse=True)) == [10, 0]


async def test_invalid_segments_do_not_fail_the_others(metadata: Metadata) -> None:
    await metadata.objects.reserve(flow_id(2), [an_object("other's")])
    await metadata.register(1, a_segment(100, 200))
    failed = await metadata.register(
        1,
        a_segment(0, 10),
        a_segment(9, 20),
        a_segment(10, 20),
        a_segment(150, 160),
        a_segment(30, 30),
        a_segment(40, 50, "nobody's", **INSIDE),
        a_segment(50, 60, "other's", **INSIDE),
        a_segment(60, 70, last_duration=-1),
        a_segment(70, 80, ""),
        a_segment(199, 300),
        a_segment(200, 300),
        a_segment(0, 10),
    )
    assert reasons(failed) == [
        (1, "SEGMENT_OVERLAP"),
        (3, "SEGMENT_OVERLAP"),
        (4, "BAD_SEGMENT"),
        (5, "UNKNOWN_OBJECT"),
        (6, "FOREIGN_OBJECT"),
        (7, "BAD_SEGMENT"),
        (8, "BAD_SEGMENT"),
        (9, "SEGMENT_OVERLAP"),
        (11, "SEGMENT_OVERLAP"),
    ]
    assert all(isinstance(failure.error, InvalidArgument) for failure in failed)
    assert starts(await metadata.all_segments(1)) == [0, 10, 100, 200]


async def test_a_failed_segment_adds_no_object(metadata: Metadata, engine: Engine) -> None:
    await metadata.register(1, a_segment(0, 10))
    before = engine.rows("objects"), engine.rows("flow_stats")
    await metadata.register(1, a_segment(5, 15, "new"))
    assert (engine.rows("objects"), engine.rows("flow_stats")) == before


async def test_the_first_of_overlapping_segments_is_stored(metadata: Metadata) -> None:
    failed = await metadata.register(
        1, a_segment(5, 15), a_segment(0, 10), a_segment(10, 20), a_segment(0, 5)
    )
    assert [failure.index for failure in failed] == [1, 2]
    assert starts(await metadata.all_segments(1)) == [0, 5]


async def test_an_object_of_an_earlier_segment_in_the_batch_is_known(metadata: Metadata) -> None:
    first, second = a_segment(0, 10, "new"), a_segment(10, 20, "new", **INSIDE)
    assert reasons(await metadata.register(1, second, first)) == [(0, "UNKNOWN_OBJECT")]
    await metadata.unregister(1)
    assert await metadata.register(1, first, second) == []


async def test_a_segment_registered_again_is_refused(metadata: Metadata) -> None:
    await metadata.register(1, a_segment(0, 10))
    metadata.pass_time()
    before = await metadata.flow(1)
    assert reasons(await metadata.register(1, a_segment(0, 10))) == [(0, "SEGMENT_OVERLAP")]
    assert await metadata.flow(1) == before


async def test_an_empty_registration_changes_nothing(metadata: Metadata) -> None:
    assert await metadata.register(1) == []
    assert "segments_updated" not in await metadata.flow(1)


async def test_a_registration_in_a_flow_that_may_not_own_segments_is_refused(metadata: Metadata) -> None:
    await metadata.put(a_flow(3, "multi", container=None))
    for number, kind, reason in ((3, FailedPrecondition, "NO_CONTAINER"), (9, NotFound, "FLOW_NOT_FOUND")):
        with pytest.raises(kind) as caught:
            await metadata.register(number, a_segment(0, 10))
        assert caught.value.reason == reason


async def test_each_registration_of_a_batch_has_its_own_result(metadata: Metadata) -> None:
    results = await metadata.segments.create_many(
        [
            Registration(flow_id(1), [a_segment(0, 10), a_segment(10, 20)]),
            Registration(flow_id(9), [a_segment(0, 10)]),
            Registration(flow_id(1), [a_segment(15, 25), a_segment(20, 30)]),
            Registration("x", []),
            Registration(flow_id(2), [a_segment(0, 10)]),
        ]
    )
    outcomes = [result.reason if isinstance(result, TamsError) else reasons(result) for result in results]
    assert outcomes == [[], "FLOW_NOT_FOUND", [(0, "SEGMENT_OVERLAP")], "FLOW_NOT_FOUND", []]
    assert starts(await metadata.all_segments(1)) == [0, 10, 20]
    assert starts(await metadata.all_segments(2)) == [0]


async def test_the_size_of_a_batch_is_bounded(metadata: Metadata) -> None:
    segment, half = a_segment(0, 10), [a_segment(t, t + 1) for t in range(5001)]
    too_many = [
        [Registration(flow_id(1), [])] * 257,
        [Registration(flow_id(1), half), Registration(flow_id(2), half)],
        [Registration(flow_id(1), [segment] * 10_001)],
    ]
    for registrations in too_many:
        with pytest.raises(InvalidArgument) as caught:
            await metadata.segments.create_many(registrations)
        assert caught.value.reason == "TOO_MANY_ITEMS"
    assert await metadata.all_segments(1) == []


async def test_a_batch_of_the_largest_size_is_stored_and_deleted(metadata: Metadata) -> None:
    segments = [a_segment(t, t + 1) for t in range(10_000)]
    assert await metadata.register(1, *reversed(segments)) == []
    assert len(await metadata.register(1, *segments)) == 10_000
    removed = await metadata.unregister(1)
    assert (removed.segments, removed.objects) == (10_000, frozenset({"o"}))
    assert await metadata.all_segments(1) == []


@pytest.mark.parametrize(
    ("within", "overlapping", "covered"),
    [
        (TimeRange(10, 20), [10], [10]),
        (TimeRange(10, 21), [10, 20], [10]),
        (TimeRange(9, 20), [0, 10], [10]),
        (TimeRange(11, 19), [10], []),
        (TimeRange(19, 20), [10], []),
        (TimeRange(20, 20), [], []),
        (TimeRange(20, 10), [], []),
        (TimeRange(5, None), [0, 10, 20], [10, 20]),
        (TimeRange(None, 25), [0, 10, 20], [0, 10]),
        (TimeRange(30, None), [], []),
        (TimeRange(None, 0), [], []),
        (ETERNITY, [0, 10, 20], [0, 10, 20]),
        (NEVER, [], []),
    ],
)
async def test_lists_use_overlap_and_deletions_use_containment(
    metadata: Metadata, within: TimeRange, overlapping: list[int], covered: list[int]
) -> None:
    await metadata.register(1, a_segment(0, 10), a_segment(10, 20), a_segment(20, 30))
    assert starts(await metadata.all_segments(1, within)) == overlapping
    removed = await metadata.unregister(1, within)
    assert removed.segments == len(covered)
    assert starts(await metadata.all_segments(1)) == [t for t in (0, 10, 20) if t not in covered]


async def test_segments_of_an_object_are_listed_and_deleted(metadata: Metadata) -> None:
    await metadata.register(1, *(a_segment(t, t + 1, "even" if t % 2 == 0 else "odd") for t in range(10)))
    assert starts(await metadata.all_segments(1, TimeRange(3, 8), "even")) == [4, 6]
    assert starts(await metadata.all_segments(1, object_id="other")) == []
    assert (await metadata.unregister(1, TimeRange(0, 5), "odd")).segments == 2
    assert starts(await metadata.all_segments(1)) == [0, 2, 4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize("malformed", ["", "x", flow_id(1).upper(), flow_id(1) + " "])
async def test_a_malformed_flow_id_is_not_found(metadata: Metadata, malformed: str) -> None:
    with pytest.raises(NotFound) as caught:
        checked_flow_id(malformed)
    assert caught.value.reason == "FLOW_NOT_FOUND"
    calls = [
        metadata.segments.create(Registration(malformed, [])),
        metadata.segments.delete(malformed, ETERNITY, None),
    ]
    for call in calls:
        with pytest.raises(NotFound) as caught:
            await call
        assert caught.value.reason == "FLOW_NOT_FOUND"


async def test_an_unknown_flow_has_no_segments_to_list_or_delete(metadata: Metadata) -> None:
    assert await metadata.all_segments(9) == []
    with pytest.raises(NotFound):
        await metadata.unregister(9)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
async def test_pages_lead_through_the_range_in_both_directions(
    metadata: Metadata, size: int, reverse: bool
) -> None:
    await metadata.register(1, *(a_segment(t, t + 10) for t in range(-20, 20, 10)))
    query = SegmentQuery(flow_id(1), TimeRange(-15, 15), reverse=reverse)
    walked, token = [], ""
    for _ in range(50):
        page = await metadata.segments.page(query, size, token)
        ranges = [json.loads(line)["timerange"] for line in page.lines.documents.splitlines()]
        walked += [TimeRange.parse(timerange).start for timerange in ranges]
        token = page.next_token
        if not token:
            break
    assert walked == ([10, 0, -10, -20] if reverse else [-20, -10, 0, 10])


@pytest.mark.parametrize("key", [2**63, -(2**63) - 1, 2**64 - 1, "x", None, 1.5])
async def test_a_token_without_a_valid_time_is_refused(metadata: Metadata, key: object) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await metadata.segments.page(SegmentQuery(flow_id(1), ETERNITY), 1, forged_token(key))
    assert caught.value.reason == "BAD_PAGE_TOKEN"


def forged_token(key: object) -> str:
    try:
        return encode_token("segments", key)
    except OverflowError:
        return encode_token("flows", 0)


async def test_the_number_of_segments_is_counted(metadata: Metadata, engine: Engine) -> None:
    await metadata.register(1, *(a_segment(t, t + 1) for t in range(10)), a_segment(5, 6))
    await metadata.register(1, a_segment(20, 30))
    await metadata.unregister(1, TimeRange(0, 4))
    await metadata.unregister(1, TimeRange(0, 4))
    assert [row["segments"] for row in engine.rows("flow_stats")] == [7]
    await metadata.unregister(1)
    assert [row["segments"] for row in engine.rows("flow_stats")] == [0]
