import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metadata.application.pages import PAGE_BYTES
from services.metadata.application.ports import Removed, SegmentQuery, Store
from services.metadata.domain.ids import ObjectId, StorageId
from services.metadata.domain.objects.external_url import ExternalUrl
from services.metadata.domain.objects.object import MediaObject, State
from services.metadata.domain.segments.lines import SegmentLines
from services.metadata.domain.segments.segment import Segment, StoredSegment, documents
from services.shared.timerange import ETERNITY, MAX_NS, MIN_NS, NEVER, TimeRange, bounds_of
from tests.support.metadata.flows import a_flow, encoded, flow_id
from tests.support.metadata.rules import STORAGE, Metadata, a_segment, a_stored_object
from tests.support.services.effort import examples

shared_store = examples(30, vast=30)
new_numbers = itertools.count(1)
ELSEWHERE = StorageId("5d1f6a2e-0000-4000-8000-00000000000b")
OUTSIDE = a_stored_object("o", None)


class Timeline:
    """The segments of a flow, read and written through the port."""

    def __init__(self, store: Store, number: int, row: int) -> None:
        self._store = store
        self.flow_id = flow_id(number)
        self._row = row

    async def insert(self, segments: Sequence[Segment[ObjectId]]) -> None:
        await self.insert_at([(segment, OUTSIDE) for segment in segments])

    async def insert_at(self, pairs: Sequence[tuple[Segment[ObjectId], MediaObject]]) -> None:
        await self._store.write(lambda tables: tables.segments.insert(self._row, pairs, "now"))

    async def lines(
        self,
        within: TimeRange,
        size: int,
        after: int | None = None,
        *,
        reverse: bool = False,
        object_id: str | None = None,
    ) -> SegmentLines:
        query = SegmentQuery(self.flow_id, within, object_id, reverse, after)
        return await self._store.read(lambda tables: tables.segments.lines(query, size))

    async def page(
        self,
        within: TimeRange,
        limit: int = 1000,
        after: int | None = None,
        *,
        reverse: bool = False,
        object_id: str | None = None,
    ) -> list[StoredSegment]:
        query = SegmentQuery(self.flow_id, within, object_id, reverse, after)
        return list(await self._store.read(lambda tables: tables.segments.page(query, limit)))

    async def delete(self, within: TimeRange, object_id: str | None = None, limit: int = 1000) -> Removed:
        return await self._store.write(
            lambda tables: tables.segments.delete(self._row, within, object_id, limit, "later")
        )

    async def occupied(self, ranges: Sequence[TimeRange]) -> list[bool]:
        return await self._store.read(lambda tables: tables.segments.occupied(self.flow_id, ranges))

    async def extent(self, within: TimeRange) -> TimeRange:
        return await self._store.read(lambda tables: tables.segments.extent(self.flow_id, within))

    async def statistics(self) -> tuple[int | None, int | None, int | None, str | None]:
        flow = await self._store.read(lambda tables: tables.flows.get(self.flow_id))
        assert flow is not None
        return flow.start_ns, flow.end_ns, flow.end_inclusive, flow.segments_updated


async def a_timeline(metadata: Metadata, segments: Sequence[Segment[ObjectId]] = ()) -> Timeline:
    number = next(new_numbers)
    await metadata.put(a_flow(number))
    stored = await metadata.store.read(lambda tables: tables.flows.get(flow_id(number)))
    assert stored is not None
    timeline = Timeline(metadata.store, number, stored.timeline)
    if segments:
        await timeline.insert(segments)
    return timeline


BOUNDS = st.integers(-3, 33)
RANGES = st.builds(TimeRange, st.none() | BOUNDS, st.none() | BOUNDS, st.booleans())


@st.composite
def segment_lists(draw: st.DrawFn) -> list[Segment[ObjectId]]:
    """Segments in ascending order that do not overlap. Some of them are adjacent."""
    cuts = sorted(draw(st.sets(st.integers(0, 30), max_size=14)))
    spans = [pair for pair in itertools.pairwise(cuts) if draw(st.booleans())]
    return [
        a_segment(start, end, draw(st.sampled_from("pq")), inclusive=draw(st.booleans()))
        for start, end in spans
    ]


def keys(segments: Sequence[StoredSegment]) -> list[tuple[int, int, bool, bytes]]:
    return [
        (segment.start_ns, segment.end_ns, bool(segment.end_inclusive), segment.document)
        for segment in segments
    ]


def expected_keys(segments: Sequence[Segment[ObjectId]]) -> list[tuple[int | None, int | None, bool, bytes]]:
    ranges = [segment.timerange for segment in segments]
    return [
        (timerange.start, timerange.end, timerange.end_inclusive, document)
        for timerange, document in zip(ranges, documents(segments), strict=True)
    ]


def span(segments: Sequence[Segment[ObjectId]]) -> TimeRange:
    if not segments:
        return NEVER
    last = segments[-1].timerange
    return TimeRange(segments[0].timerange.start, last.end, last.end_inclusive)


def overlapping(segments: Sequence[Segment[ObjectId]], within: TimeRange) -> list[Segment[ObjectId]]:
    return [segment for segment in segments if instants(segment.timerange) & instants(within)]


def instants(timerange: TimeRange) -> set[int]:
    low = -10 if timerange.start is None else timerange.start
    return set(range(low, 50 if timerange.end is None else timerange.end))


@shared_store
@given(
    segments=segment_lists(),
    within=RANGES,
    reverse=st.booleans(),
    object_id=st.none() | st.sampled_from("pqr"),
    limit=st.integers(1, 4),
)
async def test_pages_have_the_segments_that_overlap_the_range(
    metadata: Metadata,
    *,
    segments: list[Segment[ObjectId]],
    within: TimeRange,
    reverse: bool,
    object_id: str | None,
    limit: int,
) -> None:
    timeline = await a_timeline(metadata, segments)
    expected = [
        segment for segment in overlapping(segments, within) if object_id in (None, segment.object_id)
    ]
    walked: list[StoredSegment] = []
    for _ in range(50):
        after = walked[-1].start_ns if walked else None
        page = await timeline.page(within, limit, after, reverse=reverse, object_id=object_id)
        assert len(page) <= limit
        walked += page
        if len(page) < limit:
            break
    assert keys(walked) == expected_keys(expected[::-1] if reverse else expected)


# The locations of objects. Most flows have objects like the first two only.
LOCATIONS = [
    a_stored_object("o", "path/o"),
    a_stored_object("o", "path/two"),
    a_stored_object("o", "path/o", storage_id=ELSEWHERE),
    a_stored_object("o", "a b\nc?é"),
    OUTSIDE,
]


def objects_on(*storage_ids: str) -> list[MediaObject]:
    """Objects on the storage backends, so that the tables know these."""
    return [
        a_stored_object(f"known {next(new_numbers)}", "p", State.ALLOCATED, storage_id)
        for storage_id in storage_ids
    ]


@examples(40, vast=30)
@given(
    segments=segment_lists(),
    drawn=st.data(),
    locations=st.sampled_from([LOCATIONS[:1], LOCATIONS[:2], LOCATIONS[:3], LOCATIONS[:4:3], LOCATIONS]),
    urls=st.sampled_from([False, False, True]),
    within=st.just(ETERNITY) | RANGES,
    reverse=st.booleans(),
    object_id=st.none() | st.none() | st.sampled_from("pqr"),
    size=st.integers(1, 4),
)
async def test_lines_agree_with_the_segments_of_a_page(
    metadata: Metadata,
    *,
    segments: list[Segment[ObjectId]],
    drawn: st.DataObject,
    locations: list[MediaObject],
    urls: bool,
    within: TimeRange,
    reverse: bool,
    object_id: str | None,
    size: int,
) -> None:
    timeline = await a_timeline(metadata)
    await metadata.store.write(lambda tables: tables.objects.add(objects_on(STORAGE, ELSEWHERE)))
    if segments:
        posted = [segment if urls else segment._replace(external_urls=()) for segment in segments]
        await timeline.insert_at([(segment, drawn.draw(st.sampled_from(locations))) for segment in posted])
    after: int | None = None
    for _ in range(50):
        page = await timeline.page(within, size + 1, after, reverse=reverse, object_id=object_id)
        lines = await timeline.lines(within, size, after, reverse=reverse, object_id=object_id)
        assert lines == SegmentLines.of(page[:size], has_more=len(page) > size)
        if lines.after is None:
            break
        after = lines.after
    else:
        raise AssertionError("the pages have no end")


@pytest.mark.parametrize(
    ("reverse", "pages"),
    [
        (False, [(TimeRange(0, 40), "0123", 30), (TimeRange(40, 80), "4567", None)]),
        (
            True,
            [(TimeRange(50, 80), "765", 50), (TimeRange(20, 50), "432", 20), (TimeRange(0, 20), "10", None)],
        ),
    ],
)
async def test_lines_of_a_flow_on_one_backend_name_it_once(
    metadata: Metadata, reverse: bool, pages: list[tuple[TimeRange, str, int | None]]
) -> None:
    timeline = await a_timeline(metadata)
    await metadata.store.write(lambda tables: tables.objects.add(objects_on(STORAGE)))
    new = [a_segment(index * 10, index * 10 + 10, str(index), external_urls=()) for index in range(8)]
    await timeline.insert_at(
        [(segment, a_stored_object(segment.object_id, segment.object_id)) for segment in new]
    )
    after: int | None = None
    for span, names, last in pages:
        lines = await timeline.lines(ETERNITY, len(pages[0][1]), after, reverse=reverse)
        assert lines == SegmentLines(
            span,
            b"".join(line + b"\n" for line in documents([new[int(name)] for name in names])),
            (STORAGE,),
            "".join(f"{name}\n" for name in names).encode(),
            (),
            last,
        )
        after = last


async def test_lines_have_paths_encoded_for_urls(metadata: Metadata) -> None:
    timeline = await a_timeline(metadata)
    await metadata.store.write(lambda tables: tables.objects.add(objects_on(STORAGE)))
    locations = [a_stored_object("o", path) for path in ("plain", "a b\nc", "é?")]
    await timeline.insert_at(
        [
            (a_segment(start, start + 1, external_urls=()), location)
            for start, location in enumerate(locations)
        ]
    )
    assert (await timeline.lines(ETERNITY, 3)).url_paths == b"plain\na%20b%0Ac\n%C3%A9%3F\n"
    assert (await timeline.lines(ETERNITY, 1)).url_paths == b"plain\n"


async def test_lines_end_before_they_exceed_the_page_bytes(metadata: Metadata) -> None:
    urls = [ExternalUrl("https://example.com/" + "x" * 100_000)]
    timeline = await a_timeline(
        metadata, [a_segment(start, start + 1, external_urls=urls) for start in range(60)]
    )
    first = await timeline.lines(ETERNITY, 1000)
    count = len(first.external_urls)
    assert count * 100_000 <= PAGE_BYTES < (count + 1) * 100_200
    assert (first.documents.count(b"\n"), first.after, first.span) == (count, count - 1, TimeRange(0, count))
    second = await timeline.lines(ETERNITY, 1000, first.after)
    assert (len(second.external_urls), second.after, second.span) == (
        60 - count,
        None,
        TimeRange(count, 60),
    )


async def test_a_range_or_flow_without_segments_has_no_lines(metadata: Metadata) -> None:
    timeline = await a_timeline(metadata, [a_segment(0, 1)])
    for within in (TimeRange(5, 6), NEVER):
        assert await timeline.lines(within, 10) == SegmentLines()
    query = SegmentQuery(flow_id(999), ETERNITY)
    assert await metadata.store.read(lambda tables: tables.segments.lines(query, 10)) == SegmentLines()


@shared_store
@given(segment_lists(), RANGES)
async def test_the_extent_spans_the_segments_that_overlap_the_range(
    metadata: Metadata, segments: list[Segment[ObjectId]], within: TimeRange
) -> None:
    timeline = await a_timeline(metadata, segments)
    assert await timeline.extent(within) == span(overlapping(segments, within))


@shared_store
@given(
    segment_lists(),
    st.lists(st.builds(TimeRange, BOUNDS, BOUNDS).filter(lambda timerange: not timerange.empty)),
)
async def test_a_range_is_occupied_if_a_segment_overlaps_it(
    metadata: Metadata, segments: list[Segment[ObjectId]], ranges: list[TimeRange]
) -> None:
    timeline = await a_timeline(metadata, segments)
    assert await timeline.occupied(ranges) == [bool(overlapping(segments, timerange)) for timerange in ranges]


@shared_store
@given(segment_lists(), RANGES, st.none() | st.sampled_from("pqr"), st.integers(1, 5))
async def test_a_deletion_deletes_covered_segments_and_updates_statistics(
    metadata: Metadata,
    segments: list[Segment[ObjectId]],
    within: TimeRange,
    object_id: str | None,
    limit: int,
) -> None:
    timeline = await a_timeline(metadata, segments)
    covered = [segment for segment in segments if instants(segment.timerange) <= instants(within)]
    deleted = [segment for segment in covered if object_id in (None, segment.object_id)][:limit]
    removed = await timeline.delete(within, object_id, limit)
    assert (removed.segments, removed.span) == (len(deleted), span(deleted))
    assert removed.objects == {segment.object_id for segment in deleted}
    kept = [segment for segment in segments if segment not in deleted]
    assert keys(await timeline.page(ETERNITY)) == expected_keys(kept)
    assert_statistics(await timeline.statistics(), kept, "later" if deleted else "now" if segments else None)


def assert_statistics(
    statistics: tuple[int | None, int | None, int | None, str | None],
    segments: Sequence[Segment[ObjectId]],
    updated: str | None,
) -> None:
    start, end, inclusive, updated_at = statistics
    assert updated_at == updated
    if segments:
        assert TimeRange(start, end, bool(inclusive)) == span(segments)
    else:
        assert (start, end) == (None, None)


@shared_store
@given(st.lists(segment_lists(), min_size=1, max_size=2), st.lists(RANGES, max_size=3))
async def test_statistics_follow_each_change(
    metadata: Metadata, batches: list[list[Segment[ObjectId]]], deletions: list[TimeRange]
) -> None:
    timeline = await a_timeline(metadata)
    bounds = bounds_of([segment.timerange for segment in batches[-1]])
    far = [a_segment(start + 100, end + 100) for start, end in zip(*bounds, strict=True)]
    segments = batches[0]
    for batch in (batches[0], far):
        if batch:
            await timeline.insert(batch)
    remaining = segments + far
    for within in deletions:
        await timeline.delete(within)
        remaining = [segment for segment in remaining if not within.covers(segment.timerange)]
        start, end, *_ = await timeline.statistics()
        assert (start, end) == ((span(remaining).start, span(remaining).end) if remaining else (None, None))


async def test_segments_at_both_ends_of_time_are_read_and_deleted(metadata: Metadata) -> None:
    edges = [a_segment(MIN_NS, MIN_NS + 1), a_segment(-1, 1), a_segment(MAX_NS - 1, MAX_NS, inclusive=True)]
    timeline = await a_timeline(metadata, edges)
    for reverse in (False, True):
        expected = expected_keys(edges[::-1] if reverse else edges)
        walked: list[StoredSegment] = []
        for _ in edges:
            walked += await timeline.page(
                ETERNITY, 1, walked[-1].start_ns if walked else None, reverse=reverse
            )
        assert keys(walked) == expected
        assert await timeline.page(ETERNITY, 1, walked[-1].start_ns, reverse=reverse) == []
    assert await timeline.extent(ETERNITY) == TimeRange(MIN_NS, MAX_NS, end_inclusive=True)
    assert await timeline.occupied([TimeRange(MIN_NS, MIN_NS + 1), TimeRange(MAX_NS - 2, MAX_NS - 1)]) == [
        True,
        False,
    ]
    assert (await timeline.delete(ETERNITY)).segments == 3


async def test_a_segment_over_all_of_time_is_read_and_kept(metadata: Metadata) -> None:
    timeline = await a_timeline(metadata, [a_segment(MIN_NS, MAX_NS)])
    assert len(await timeline.page(TimeRange(5, 6))) == 1
    assert await timeline.occupied([TimeRange(0, 1)]) == [True]
    assert (await timeline.delete(TimeRange(MIN_NS, MAX_NS - 1))).segments == 0


@pytest.mark.parametrize("reverse", [False, True])
async def test_a_walk_continues_while_segments_are_added_and_deleted(
    metadata: Metadata, reverse: bool
) -> None:
    timeline = await a_timeline(metadata, [a_segment(t, t + 1) for t in range(0, 40, 2)])
    first = await timeline.page(ETERNITY, 5, reverse=reverse)
    seen = {segment.start_ns for segment in first}
    last = first[-1].start_ns
    await timeline.insert([a_segment(t, t + 1) for t in range(1, 40, 2)])
    await timeline.delete(TimeRange(last, last + 1))
    rest = await timeline.page(ETERNITY, 1000, last, reverse=reverse)
    starts = range(40) if not reverse else range(39, -1, -1)
    beyond = [t for t in starts if (t < last if reverse else t > last)]
    assert [segment.start_ns for segment in rest] == beyond
    assert not seen & {segment.start_ns for segment in rest}


async def test_timelines_of_flows_are_separate(metadata: Metadata) -> None:
    first, second = await a_timeline(metadata, [a_segment(0, 10)]), await a_timeline(metadata)
    assert await second.page(ETERNITY) == []
    assert await second.occupied([TimeRange(0, 10)]) == [False]
    assert (await second.delete(ETERNITY)).segments == 0
    assert len(await first.page(ETERNITY)) == 1


async def test_segments_of_a_deleted_flow_are_not_read_by_its_successor(metadata: Metadata) -> None:
    timeline = await a_timeline(metadata, [a_segment(0, 10)])
    await metadata.store.write(lambda tables: tables.flows.delete(timeline.flow_id))
    await metadata.flows.put(timeline.flow_id, _document(timeline.flow_id))
    assert await timeline.page(ETERNITY) == []
    assert await timeline.occupied([TimeRange(0, 10)]) == [False]
    assert (await timeline.delete(ETERNITY)).segments == 1


def _document(flow: str) -> bytes:
    return encoded(a_flow() | {"id": flow})


async def test_an_unknown_flow_has_no_segments(store: Store) -> None:
    query = SegmentQuery(flow_id(999), ETERNITY)
    assert not await store.read(lambda tables: tables.segments.page(query, 10))
    assert await store.read(lambda tables: tables.segments.extent(flow_id(999), ETERNITY)) == NEVER
