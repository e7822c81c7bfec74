"""Walks through pages of any size find the same segments and flows as one large page."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

import httpx
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from mediatimestamp import TimeRange

from tests.api.conftest import MakeFlow
from tests.support.http.walking import Items, items_of, pages, walk
from tests.support.models.written_ranges import Written, canonical, ranges, read, spanning, stamp, timelines
from tests.support.services.effort import examples
from tests.support.services.gateway import a_flow, a_segment, new_id

SECOND = 1_000_000_000


# The segments, the object of each, the range of the query, whether in reverse, and the query's object.
SegmentWalk = tuple[Sequence[Written], list[str], Written | None, bool, str | None]


@st.composite
def segment_walks(draw: st.DrawFn) -> SegmentWalk:
    timeline = draw(timelines())
    object_names = draw(st.lists(st.sampled_from("ab"), min_size=20, max_size=20))
    query_range = draw(st.none() | ranges(timeline.moments))
    return (
        timeline.segments,
        object_names,
        query_range,
        draw(st.booleans()),
        draw(st.sampled_from([None, None, "a"])),
    )


@examples(50, vast=12)
@given(segment_walks())
async def test_a_walk_finds_the_segments_that_overlap_its_range(
    tams: httpx.AsyncClient, drawn: tuple[Sequence[Written], list[str], Written | None, bool, str | None]
) -> None:
    segments, object_names, query_range, reverse, only_object = drawn
    flow, prefix = a_flow(), new_id()
    await tams.put(f"/flows/{flow['id']}", json=flow)
    path = f"/flows/{flow['id']}/segments"
    held = list(zip(segments, object_names, strict=False))
    bodies = [
        a_segment(timerange=segment.text, object_id=f"{prefix}/{object_name}")
        for segment, object_name in held
    ]
    assert (await tams.post(path, json=bodies[::-1])).status_code == 201
    expected = [
        canonical(segment.text)
        for segment, object_name in held
        if (query_range is None or segment.meaning.overlaps_with_timerange(query_range.meaning))
        and only_object in (None, object_name)
    ]
    expected = expected[::-1] if reverse else expected
    params = {"accept_get_urls": ""} | ({"reverse_order": "true"} if reverse else {})
    params |= {} if query_range is None else {"timerange": query_range.text}
    params |= {} if only_object is None else {"object_id": f"{prefix}/{only_object}"}
    await check_segment_walks(tams, path, params, expected, range(1, len(expected) + 2))


async def check_segment_walks(
    tams: httpx.AsyncClient, path: str, params: Mapping[str, str], expected: list[str], limits: Sequence[int]
) -> None:
    single_page = items_of(await tams.get(path, params={**params, "limit": "1000"}))
    assert [segment["timerange"] for segment in single_page] == expected
    for limit in limits:
        found: Items = []
        async for page, items in pages(tams, path, params, limit):
            found += items
            assert page.headers["x-paging-count"] == str(len(items))
            assert page.headers["x-paging-reverse-order"] == params.get("reverse_order", "false")
            assert page.headers["x-paging-timerange"] == spanning([segment["timerange"] for segment in items])
            assert len(items) == min(limit, len(expected) - len(found) + len(items))
        assert found == single_page


@examples(40, vast=10)
@given(st.data())
async def test_ranges_agree_with_the_reference_library(tams: httpx.AsyncClient, data: st.DataObject) -> None:
    """Lists use the overlap of ranges, flows show their extent, and deletions use containment."""
    timeline = data.draw(timelines())
    flow, remaining = a_flow(), timeline.segments
    await tams.put(f"/flows/{flow['id']}", json=flow)
    path = f"/flows/{flow['id']}"
    for segment in remaining:
        assert (
            await tams.post(f"{path}/segments", json=a_segment(timerange=segment.text))
        ).status_code == 201
    for query_range in data.draw(st.lists(ranges(timeline.moments), min_size=1, max_size=3)):
        query, meaning = {"timerange": query_range.text}, query_range.meaning
        overlapping = [segment for segment in remaining if segment.meaning.overlaps_with_timerange(meaning)]
        listed = items_of(await tams.get("/flows", params={"source_id": flow["source_id"], **query}))
        both_empty = meaning.is_empty() and not remaining
        assert bool(listed) == (bool(overlapping) or both_empty or meaning == TimeRange.eternity())
        found = (await tams.get(path, params={"include_timerange": "true", **query})).json()["timerange"]
        whole = read(spanning([canonical(segment.text) for segment in overlapping])).meaning
        assert read(found).meaning == whole.intersect_with(meaning)
        assert (await tams.delete(f"{path}/segments", params=query)).status_code == 204
        remaining = [segment for segment in remaining if not meaning.contains_subrange(segment.meaning)]
        left = [canonical(segment.text) for segment in remaining]
        assert [segment["timerange"] for segment in items_of(await tams.get(f"{path}/segments"))] == left
        after = (await tams.get(path, params={"include_timerange": "true"})).json()["timerange"]
        assert after == spanning(left)


# The path of the segments, their ranges, and their starts in nanoseconds.
Uneven = tuple[str, list[Written], list[int]]


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def uneven_flow(tams: httpx.AsyncClient) -> Uneven:
    """A flow with short and long segments, of which the density differs along the timeline."""
    starts = sorted(
        {*range(700), *(SECOND * step for step in range(1, 100)), *(3**step for step in range(9, 39))}
    )
    segments = [
        read(f"[{stamp(low)}_{stamp(min(high, low + low // 10 + 1))})")
        for low, high in zip(starts, [*starts[1:], starts[-1] + 1], strict=True)
    ]
    flow = a_flow()
    await tams.put(f"/flows/{flow['id']}", json=flow)
    path = f"/flows/{flow['id']}/segments"
    bodies = [a_segment(timerange=segment.text) for segment in segments]
    assert (await tams.post(path, json=bodies)).status_code == 201
    return path, segments, starts


@examples(10, vast=3)
@given(st.data())
async def test_walks_through_segments_of_uneven_density_find_all(
    tams: httpx.AsyncClient, uneven_flow: Uneven, data: st.DataObject
) -> None:
    path, segments, starts = uneven_flow
    query_range = data.draw(ranges(starts))
    reverse = data.draw(st.booleans())
    expected = [
        canonical(segment.text)
        for segment in segments
        if segment.meaning.overlaps_with_timerange(query_range.meaning)
    ]
    params = {"timerange": query_range.text, "accept_get_urls": "", "reverse_order": str(reverse).lower()}
    limit = data.draw(st.sampled_from([61, 200, len(expected) or 1]))
    await check_segment_walks(tams, path, params, expected[::-1] if reverse else expected, [limit])


async def test_pages_of_any_size_list_the_flows_of_an_object(
    tams: httpx.AsyncClient, make_flow: MakeFlow
) -> None:
    object_id = f"50%/{new_id()}/ü"
    ids = sorted([(await make_flow())["id"] for _ in range(6)])
    for flow_id in ids:
        bodies = [a_segment(start, start + 1, object_id=object_id) for start in (0, 1)]
        assert (await tams.post(f"/flows/{flow_id}/segments", json=bodies)).status_code == 201
    path = f"/objects/{quote(object_id, safe='')}"
    for limit in range(1, len(ids) + 2):
        assert await walk(tams, path, {}, limit) == ids
