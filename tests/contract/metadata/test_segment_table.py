import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metadata.application.pages import PAGE_BYTES
from services.metadata.application.ports import Removed, SegmentQuery, Store
from services.metadata.domain.object import MediaObject, State
from services.metadata.domain.segment import ExternalUrl, Segment, StoredSegment, document
from services.metadata.domain.segment_lines import SegmentLines
from services.metadata.domain.stored_segments import StoredSegments
from services.shared.timerange import ETERNITY, MAX_NS, MIN_NS, NEVER, TimeRange
from tests.support.effort import examples
from tests.support.flows import a_flow, encoded, flow_id
from tests.support.metadata import STORAGE, Metadata, a_segment

shared_store = examples(30, vast=30)
fresh = itertools.count(1)
ELSEWHERE = "5d1f6a2e-0000-4000-8000-00000000000b"
OUTSIDE = MediaObject("o", None, None, State.REGISTERED)


class Timeline:
    """One flow's segments through the port."""

    def __init__(self, store: Store, number: int, row: int) -> None:
        self._store = store
        self.flow_id = flow_id(number)
        self._row = row

    async def insert(self, segments: Sequence[Segment]) -> None:
        await self.insert_at([(segment, OUTSIDE) for segment in segments])

    async def insert_at(self, pairs: Sequence[tuple[Segment, MediaObject]]) -> None:
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


async def a_timeline(metadata: Metadata, segments: Sequence[Segment] = ()) -> Timeline:
    number = next(fresh)
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
def segment_lists(draw: st.DrawFn) -> list[Segment]:
    """Segments that do not overlap, some of them touching, ascending."""
    cuts = sorted(draw(st.sets(st.integers(0, 30), max_size=14)))
    spans = [pair for pair in itertools.pairwise(cuts) if draw(st.booleans())]
    return [
        a_segment(start, end, draw(st.sampled_from("pq")), inclusive=draw(st.booleans()))
        for start, end in spans
    ]


def keys(segments: Sequence[StoredSegment]) -> list[tuple[int, int, bool, bytes]]:
    return [(one.start_ns, one.end_ns, bool(one.end_inclusive), one.document) for one in segments]


def expected_keys(segments: Sequence[Segment]) -> list[tuple[int | None, int | None, bool, bytes]]:
    ranges = [segment.timerange for segment in segments]
    return [(r.start, r.end, r.end_inclusive, document(s)) for r, s in zip(ranges, segments, strict=True)]


def span(segments: Sequence[Segment]) -> TimeRange:
    if not segments:
        return NEVER
    last = segments[-1].timerange
    return TimeRange(segments[0].timerange.start, last.end, last.end_inclusive)


def overlapping(segments: Sequence[Segment], within: TimeRange) -> list[Segment]:
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
async def test_pages_are_the_segments_that_overlap(
    metadata: Metadata,
    *,
    segments: list[Segment],
    within: TimeRange,
    reverse: bool,
    object_id: str | None,
    limit: int,
) -> None:
    timeline = await a_timeline(metadata, segments)
    expected = [one for one in overlapping(segments, within) if object_id in (None, one.object_id)]
    walked: list[StoredSegment] = []
    for _ in range(50):
        after = walked[-1].start_ns if walked else None
        page = await timeline.page(within, limit, after, reverse=reverse, object_id=object_id)
        assert len(page) <= limit
        walked += page
        if len(page) < limit:
            break
    assert keys(walked) == expected_keys(expected[::-1] if reverse else expected)


# Where objects may be: most flows know no more than the first two.
PLACES = [
    MediaObject("o", STORAGE, "path/o", State.REGISTERED),
    MediaObject("o", STORAGE, "path/two", State.REGISTERED),
    MediaObject("o", ELSEWHERE, "path/o", State.REGISTERED),
    MediaObject("o", STORAGE, "a b\nc?é", State.REGISTERED),
    OUTSIDE,
]


def objects_on(*storage_ids: str) -> list[MediaObject]:
    """Objects that make storage backends known."""
    return [MediaObject(f"known {next(fresh)}", one, "p", State.ALLOCATED, flow_id(1)) for one in storage_ids]


@examples(40, vast=30)
@given(
    segments=segment_lists(),
    drawn=st.data(),
    places=st.sampled_from([PLACES[:1], PLACES[:2], PLACES[:3], PLACES[:4:3], PLACES]),
    urls=st.sampled_from([False, False, True]),
    within=st.just(ETERNITY) | RANGES,
    reverse=st.booleans(),
    object_id=st.none() | st.none() | st.sampled_from("pqr"),
    size=st.integers(1, 4),
)
async def test_lines_are_the_segments_of_a_page(
    metadata: Metadata,
    *,
    segments: list[Segment],
    drawn: st.DataObject,
    places: list[MediaObject],
    urls: bool,
    within: TimeRange,
    reverse: bool,
    object_id: str | None,
    size: int,
) -> None:
    timeline = await a_timeline(metadata)
    await metadata.store.write(lambda tables: tables.objects.add(objects_on(STORAGE, ELSEWHERE)))
    if segments:
        plain = [one if urls else one._replace(external_urls=()) for one in segments]
        await timeline.insert_at([(one, drawn.draw(st.sampled_from(places))) for one in plain])
    after: int | None = None
    for _ in range(50):
        page = await timeline.page(within, size + 1, after, reverse=reverse, object_id=object_id)
        lines = await timeline.lines(within, size, after, reverse=reverse, object_id=object_id)
        assert lines == SegmentLines.of(StoredSegments.of(page[:size]), more=len(page) > size)
        if lines.after is None:
            break
        after = lines.after
    else:
        raise AssertionError("pages without end")


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
async def test_lines_of_a_flow_on_one_backend(
    metadata: Metadata, reverse: bool, pages: list[tuple[TimeRange, str, int | None]]
) -> None:
    timeline = await a_timeline(metadata)
    await metadata.store.write(lambda tables: tables.objects.add(objects_on(STORAGE)))
    new = [a_segment(at * 10, at * 10 + 10, str(at), external_urls=()) for at in range(8)]
    await timeline.insert_at(
        [(one, MediaObject(one.object_id, STORAGE, one.object_id, State.REGISTERED)) for one in new]
    )
    after: int | None = None
    for span, names, last in pages:
        lines = await timeline.lines(ETERNITY, len(pages[0][1]), after, reverse=reverse)
        assert lines == SegmentLines(
            span,
            b"".join(document(new[int(name)]) + b"\n" for name in names),
            (STORAGE,),
            "".join(f"{name}\n" for name in names).encode(),
            (),
            last,
        )
        after = last


async def test_lines_hold_paths_as_urls_have_them(metadata: Metadata) -> None:
    timeline = await a_timeline(metadata)
    await metadata.store.write(lambda tables: tables.objects.add(objects_on(STORAGE)))
    places = [MediaObject("o", STORAGE, path, State.REGISTERED) for path in ("plain", "a b\nc", "é?")]
    await timeline.insert_at(
        [(a_segment(at, at + 1, external_urls=()), place) for at, place in enumerate(places)]
    )
    assert (await timeline.lines(ETERNITY, 3)).url_paths == b"plain\na%20b%0Ac\n%C3%A9%3F\n"
    assert (await timeline.lines(ETERNITY, 1)).url_paths == b"plain\n"


async def test_lines_end_before_they_are_too_heavy(metadata: Metadata) -> None:
    urls = [ExternalUrl("https://example.com/" + "x" * 100_000)]
    timeline = await a_timeline(metadata, [a_segment(at, at + 1, external_urls=urls) for at in range(180)])
    first = await timeline.lines(ETERNITY, 1000)
    count = len(first.external_urls)
    assert count * 100_000 <= PAGE_BYTES < (count + 1) * 100_200
    assert (first.documents.count(b"\n"), first.after, first.span) == (count, count - 1, TimeRange(0, count))
    second = await timeline.lines(ETERNITY, 1000, first.after)
    assert (len(second.external_urls), second.after, second.span) == (
        180 - count,
        None,
        TimeRange(count, 180),
    )


async def test_nothing_has_no_lines(metadata: Metadata) -> None:
    timeline = await a_timeline(metadata, [a_segment(0, 1)])
    for within in (TimeRange(5, 6), NEVER):
        assert await timeline.lines(within, 10) == SegmentLines()
    query = SegmentQuery(flow_id(999), ETERNITY)
    assert await metadata.store.read(lambda tables: tables.segments.lines(query, 10)) == SegmentLines()


@shared_store
@given(segment_lists(), RANGES)
async def test_extent_spans_the_segments_that_overlap(
    metadata: Metadata, segments: list[Segment], within: TimeRange
) -> None:
    timeline = await a_timeline(metadata, segments)
    assert await timeline.extent(within) == span(overlapping(segments, within))


@shared_store
@given(segment_lists(), st.lists(st.builds(TimeRange, BOUNDS, BOUNDS).filter(lambda one: not one.empty)))
async def test_occupied_where_a_segment_overlaps(
    metadata: Metadata, segments: list[Segment], ranges: list[TimeRange]
) -> None:
    timeline = await a_timeline(metadata, segments)
    assert await timeline.occupied(ranges) == [bool(overlapping(segments, one)) for one in ranges]


@shared_store
@given(segment_lists(), RANGES, st.none() | st.sampled_from("pqr"), st.integers(1, 5))
async def test_deletion_takes_what_the_range_covers_and_keeps_statistics_true(
    metadata: Metadata, segments: list[Segment], within: TimeRange, object_id: str | None, limit: int
) -> None:
    timeline = await a_timeline(metadata, segments)
    covered = [one for one in segments if instants(one.timerange) <= instants(within)]
    gone = [one for one in covered if object_id in (None, one.object_id)][:limit]
    removed = await timeline.delete(within, object_id, limit)
    assert (removed.segments, removed.span) == (len(gone), span(gone))
    assert removed.objects == {one.object_id for one in gone}
    kept = [one for one in segments if one not in gone]
    assert keys(await timeline.page(ETERNITY)) == expected_keys(kept)
    assert_statistics(await timeline.statistics(), kept, "later" if gone else "now" if segments else None)


def assert_statistics(
    found: tuple[int | None, int | None, int | None, str | None],
    segments: Sequence[Segment],
    updated: str | None,
) -> None:
    start, end, inclusive, at = found
    assert at == updated
    if segments:
        assert TimeRange(start, end, bool(inclusive)) == span(segments)
    else:
        assert (start, end) == (None, None)


@shared_store
@given(st.lists(segment_lists(), min_size=1, max_size=2), st.lists(RANGES, max_size=3))
async def test_statistics_follow_every_change(
    metadata: Metadata, batches: list[list[Segment]], deletions: list[TimeRange]
) -> None:
    timeline = await a_timeline(metadata)
    far = [a_segment(one.timerange.start + 100, one.timerange.end + 100) for one in batches[-1]]
    segments = batches[0]
    for batch in (batches[0], far):
        if batch:
            await timeline.insert(batch)
    held = segments + far
    for within in deletions:
        await timeline.delete(within)
        held = [one for one in held if not within.covers(one.timerange)]
        start, end, *_ = await timeline.statistics()
        assert (start, end) == ((span(held).start, span(held).end) if held else (None, None))


async def test_the_whole_of_time(metadata: Metadata) -> None:
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


async def test_a_single_segment_over_everything(metadata: Metadata) -> None:
    timeline = await a_timeline(metadata, [a_segment(MIN_NS, MAX_NS)])
    assert len(await timeline.page(TimeRange(5, 6))) == 1
    assert await timeline.occupied([TimeRange(0, 1)]) == [True]
    assert (await timeline.delete(TimeRange(MIN_NS, MAX_NS - 1))).segments == 0


@pytest.mark.parametrize("reverse", [False, True])
async def test_a_walk_goes_on_while_segments_come_and_go(metadata: Metadata, reverse: bool) -> None:
    timeline = await a_timeline(metadata, [a_segment(t, t + 1) for t in range(0, 40, 2)])
    first = await timeline.page(ETERNITY, 5, reverse=reverse)
    seen = {one.start_ns for one in first}
    last = first[-1].start_ns
    await timeline.insert([a_segment(t, t + 1) for t in range(1, 40, 2)])
    await timeline.delete(TimeRange(last, last + 1))
    rest = await timeline.page(ETERNITY, 1000, last, reverse=reverse)
    wanted = range(40) if not reverse else range(39, -1, -1)
    beyond = [t for t in wanted if (t < last if reverse else t > last)]
    assert [one.start_ns for one in rest] == beyond
    assert not seen & {one.start_ns for one in rest}


async def test_timelines_are_apart(metadata: Metadata) -> None:
    one, other = await a_timeline(metadata, [a_segment(0, 10)]), await a_timeline(metadata)
    assert await other.page(ETERNITY) == []
    assert await other.occupied([TimeRange(0, 10)]) == [False]
    assert (await other.delete(ETERNITY)).segments == 0
    assert len(await one.page(ETERNITY)) == 1


async def test_segments_of_a_deleted_flow_are_not_those_of_its_successor(metadata: Metadata) -> None:
    timeline = await a_timeline(metadata, [a_segment(0, 10)])
    await metadata.store.write(lambda tables: tables.flows.delete(timeline.flow_id))
    await metadata.flows.put(timeline.flow_id, _document(timeline.flow_id))
    assert await timeline.page(ETERNITY) == []
    assert await timeline.occupied([TimeRange(0, 10)]) == [False]
    assert (await timeline.delete(ETERNITY)).segments == 1


def _document(wanted: str) -> bytes:
    return encoded(a_flow() | {"id": wanted})


async def test_an_unknown_flow_has_no_segments(store: Store) -> None:
    query = SegmentQuery(flow_id(999), ETERNITY)
    assert not await store.read(lambda tables: tables.segments.page(query, 10))
    assert await store.read(lambda tables: tables.segments.extent(flow_id(999), ETERNITY)) == NEVER
